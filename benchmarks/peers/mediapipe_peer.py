"""Answers for mediapipe's own `solutions`: a JSON request per line in, an answer per line out.

Runs inside an environment of its own (mediapipe 0.10.21 needs numpy < 2) and so imports nothing of
Pinpoint.

A request is `{"task": "body" | "face" | "hand", "path": ..., "repeats": 3, "limit": 10}`. `limit` is the
most faces or hands to look for (Pose has no such setting: it finds one). The answer holds, for each
instance found, its points in image pixels with pixel centres on whole numbers, and the seconds that each
repeat of `process` took: decoding the picture and one warm-up call are not counted. `{"task": "version"}`
names what is measured.

Pictures are seen in static mode. With `{"task": ..., "video": "frames.npy", "first": 0, "count": 10}` in
place of the path, so many frames of an array (T, H, W, 3) are seen in tracking mode; `"first": 0` begins
anew. That answer holds `frames`, the instances of each, and the seconds, also those of CPU, that each frame
took.
"""

import importlib.metadata
import json
import os
import sys
import time

import cv2
import mediapipe as mp
import numpy as np

SOLUTIONS = mp.solutions


def main():
    answers = claim_stdout()
    solve = {}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(request, solve)), file=answers, flush=True)


def claim_stdout():
    """Keep stdout for answers alone: the libraries below write their own lines to it and to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def answer(request, solve):
    if request["task"] == "version":
        return {name: importlib.metadata.version(name) for name in ("mediapipe", "numpy")}
    if "video" in request:
        return followed(request, solve)
    image = cv2.imread(request["path"])
    if image is None:
        return {"error": f"cannot read {request['path']}"}
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    key = (request["task"], request.get("limit", 1))
    if key not in solve:
        solve[key] = SOLVERS[key[0]](key[1])
        solve[key].process(image)
    seconds, result = timed(solve[key].process, image, request.get("repeats", 1))
    height, width = image.shape[:2]
    return {"size": [width, height], "seconds": seconds, "instances": READERS[key[0]](result, width, height)}


def followed(request, solve):
    task, first = request["task"], request["first"]
    if first == 0:
        solve[task] = SOLVERS[task](1, static=False)
    seconds, cpu, frames = [], [], []
    for image in np.array(np.load(request["video"], mmap_mode="r")[first : first + request["count"]]):
        spent = time.process_time()
        (second,), result = timed(solve[task].process, image, 1)
        cpu.append(time.process_time() - spent)
        seconds.append(second)
        frames.append(READERS[task](result, image.shape[1], image.shape[0]))
    return {"seconds": seconds, "cpu": cpu, "frames": frames}


def timed(process, image, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = process(image)
        seconds.append(time.perf_counter() - start)
    return seconds, result


def body(limit, static=True):
    return SOLUTIONS.pose.Pose(static_image_mode=static, model_complexity=1)


def face(limit, static=True):
    return SOLUTIONS.face_mesh.FaceMesh(static_image_mode=static, max_num_faces=limit, refine_landmarks=False)


def hand(limit, static=True):
    return SOLUTIONS.hands.Hands(static_image_mode=static, max_num_hands=limit, model_complexity=1)


def read_body(result, width, height):
    if result.pose_landmarks is None:
        return []
    points = result.pose_landmarks.landmark
    return [
        {
            "xy": pixels(points, width, height),
            "scores": [point.visibility for point in points],
            "xyz": [[point.x, point.y, point.z] for point in result.pose_world_landmarks.landmark],
        }
    ]


def read_face(result, width, height):
    return [{"xy": pixels(face.landmark, width, height)} for face in result.multi_face_landmarks or ()]


def read_hand(result, width, height):
    hands = zip(result.multi_hand_landmarks or (), result.multi_handedness or (), strict=True)
    return [
        {
            "xy": pixels(hand.landmark, width, height),
            "label": handedness.classification[0].label,
            "score": handedness.classification[0].score,
        }
        for hand, handedness in hands
    ]


def pixels(points, width, height):
    """Shares of the picture, 0 at its outer edge, to pixels with centres on whole numbers."""
    return [[point.x * width - 0.5, point.y * height - 0.5] for point in points]


SOLVERS = {"body": body, "face": face, "hand": hand}
READERS = {"body": read_body, "face": read_face, "hand": read_hand}

if __name__ == "__main__":
    main()
