"""Answers for rtmlib's PoseTracker: a JSON request per line in, an answer per line out.

Runs inside an environment of its own and imports nothing of Pinpoint. A request is `{"network":
"rtmpose.onnx", "threads": 1, "video": "frames.npy", "boxes": "boxes.json", "every": 10, "first": 0,
"count": 10}`: so many frames of an array (T, H, W, 3) are seen from one on, and `"first": 0` begins anew.
Boxes, a list for each frame, stand in for the detector, which is asked for them every so many frames and
takes no time. The answer holds the seconds, also those of CPU, of each frame, and the points of those found
in it, as rtmlib tells them. `{"task": "version"}` names what is measured.
"""

import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

SIZE = (192, 256)


def main():
    answers = claim_stdout()
    state = {}
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), state)), file=answers, flush=True)


def claim_stdout():
    """Keep stdout for answers alone: the library writes lines of its own to it."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def answer(request, state):
    if request.get("task") == "version":
        return {name: importlib.metadata.version(name) for name in ("rtmlib", "onnxruntime")}
    if request["first"] == 0:
        boxes = [np.array(one, dtype=float) for one in json.loads(Path(request["boxes"]).read_text("utf-8"))]
        state["known"] = Known(boxes)
        state["tracker"] = tracker(request["network"], request["threads"], state["known"], request["every"])
    seconds, cpu, frames = [], [], []
    first, last = request["first"], request["first"] + request["count"]
    for index, image in enumerate(np.array(np.load(request["video"], mmap_mode="r")[first:last]), first):
        state["known"].index = index
        start, spent = time.perf_counter(), time.process_time()
        keypoints, _ = state["tracker"](image)
        cpu.append(time.process_time() - spent)
        seconds.append(time.perf_counter() - start)
        frames.append(np.asarray(keypoints).tolist())
    return {"seconds": seconds, "cpu": cpu, "frames": frames}


class Known:
    """A detector that knows where people are."""

    det_mode = "human"

    def __init__(self, boxes):
        self.boxes, self.index = boxes, 0

    def __call__(self, image):
        """Say where they are in the frame of this number, whatever it shows."""
        return self.boxes[self.index]


class Solution:
    """What PoseTracker builds: a detector and rtmlib's own RTMPose."""

    def __init__(self, network, known, to_openpose, backend, device):
        from rtmlib import RTMPose

        self.det_model = known
        self.pose_model = RTMPose(network, SIZE, to_openpose=to_openpose, backend=backend, device=device)


def tracker(network, threads, known, every):
    """Build rtmlib's tracker, with so many threads (0: its own choice), for which it has no option."""
    from rtmlib import PoseTracker

    session = onnxruntime.InferenceSession

    def threaded(*args, **kwargs):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return session(*args, sess_options=options, **kwargs)

    onnxruntime.InferenceSession = threaded
    try:
        return PoseTracker(lambda **options: Solution(network, known, **options), det_frequency=every)
    finally:
        onnxruntime.InferenceSession = session


if __name__ == "__main__":
    main()
