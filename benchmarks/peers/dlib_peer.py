"""Answers for dlib's shape predictors: a JSON request per line in, an answer per line out.

Runs inside an environment of its own and so imports nothing of Pinpoint. Pictures and points come in `.npz`
files: grey `pictures` (N, h, w), and, for each, its box x1 y1 x2 y2 in `boxes` and its points in `xy`.

`{"task": "train", "data": ..., "out": ..., "options": {...}}` trains with dlib's own options where none is
given, on one thread, and answers the processor's seconds. `{"task": "read", "model": ..., "data": ...}`
answers the points of each picture in its box and the processor's seconds that each took.
`{"task": "version"}` names what is measured.
"""

import importlib.metadata
import json
import os
import sys
import time

import dlib
import numpy as np


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(TASKS[request["task"]](request)), file=answers, flush=True)


def version(request):
    return {name: importlib.metadata.version(name) for name in ("dlib-bin", "numpy")}


def train(request):
    options = dlib.shape_predictor_training_options()
    options.num_threads = 1
    for name, value in request["options"].items():
        setattr(options, name, value)
    with np.load(request["data"]) as stored:
        pictures, boxes, xy = list(stored["pictures"]), stored["boxes"], np.rint(stored["xy"]).astype(int)
    labels = [
        [dlib.full_object_detection(rectangle(box), [dlib.point(x, y) for x, y in points.tolist()])]
        for box, points in zip(boxes, xy, strict=True)
    ]
    start = time.process_time()
    dlib.train_shape_predictor(pictures, labels, options).save(request["out"])
    return {"seconds": time.process_time() - start}


def read(request):
    predictor = dlib.shape_predictor(request["model"])
    with np.load(request["data"]) as stored:
        pictures, boxes = stored["pictures"], stored["boxes"]
    predictor(pictures[0], rectangle(boxes[0]))
    points, seconds = [], []
    for picture, box in zip(pictures, boxes, strict=True):
        start = time.process_time()
        shape = predictor(picture, rectangle(box))
        seconds.append(time.process_time() - start)
        points.append([(point.x, point.y) for point in shape.parts()])
    return {"xy": points, "seconds": seconds}


def rectangle(box):
    return dlib.rectangle(*np.rint(box).astype(int).tolist())


TASKS = {"version": version, "train": train, "read": read}

if __name__ == "__main__":
    main()
