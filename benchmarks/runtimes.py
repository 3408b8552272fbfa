"""What threads, pruning and spinning are worth: the numbers behind the defaults of `pinpoint.runtime`.

Usage: python benchmarks/runtimes.py [MODEL ...]   (catalogue names of TFLite models; pulled where missing)
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from environment import machine
from pinpoint import hub
from pinpoint.runtime.litert import LiteRtSession
from pinpoint.runtime.onnx import OnnxSession
from pinpoint.runtime.tflite import prune_tflite

MODELS = (
    "mediapipe-pose-full",
    "mediapipe-pose-detector",
    "mediapipe-face-mesh",
    "mediapipe-hand-full",
    "mediapipe-palm-full",
    "mediapipe-iris",
)
POSE_OUTPUTS = ("Identity", "Identity_1", "Identity_3", "Identity_4")
YOLOX = Path(__file__).parents[1] / "../shared/data/weights/yolox_nano.onnx"


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def best(call: Callable[[], object], runs: int = 40) -> float:
    return min(milliseconds(call) for _ in range(runs))


def print_threads(names: tuple[str, ...]) -> None:
    print("\n| TFLite model | 1 thread, ms | 2 threads | 4 threads |\n|---|---|---|---|")
    for name in names:
        (path,) = hub.pull(hub.find(name)).values()
        cells = []
        for threads in (1, 2, 4):
            session = LiteRtSession(path, threads=threads)
            picture = np.zeros((1, *session.input.shape[1:]), session.input.dtype)
            cells.append(f"{best(lambda s=session, p=picture: s.run(p)):.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


def print_pruning() -> None:
    (path,) = hub.pull(hub.find("mediapipe-pose-full")).values()
    picture = np.zeros((1, 256, 256, 3), np.float32)
    model = path.read_bytes()
    print("\n| mediapipe-pose-full | run, ms | open, ms |\n|---|---|---|")
    for words, outputs in (("whole", ()), ("without segmentation", POSE_OUTPUTS)):
        session = LiteRtSession(path, outputs=outputs)
        run = best(lambda s=session: s.run(picture))
        opened = best(lambda o=outputs: LiteRtSession(path, outputs=o), 5)
        print(f"| {words} | {run:.2f} | {opened:.1f} |")
    print(f"\nPruning alone: {best(lambda: prune_tflite(model, POSE_OUTPUTS), 5):.1f} ms.")


def print_spinning() -> None:
    """Run ONNX Runtime and LiteRT in turns, as a pipeline of a detector and a top-down network does."""
    if not YOLOX.exists():
        return
    (hand,) = hub.pull(hub.find("mediapipe-hand-full")).values()
    second = LiteRtSession(hand)
    image, picture = np.zeros((1, 3, 416, 416), np.float32), np.zeros((1, 224, 224, 3), np.float32)
    firsts = {
        "ONNX Runtime's own": lambda: _plain({}),
        "never": lambda: _plain({"session.intra_op.allow_spinning": "0"}),
        "ours": lambda: OnnxSession(YOLOX).run,
    }
    print("\n| spinning of ONNX Runtime's threads | YOLOX-nano, ms | hand network straight after, ms |")
    print("|---|---|---|")
    for words, opened in firsts.items():
        first = opened()  # one at a time: the threads of one that spins would slow the others
        pairs = [
            (milliseconds(lambda f=first: f(image)), milliseconds(lambda: second.run(picture)))
            for _ in range(60)
        ]
        del first
        print(f"| {words} | {median(t for t, _ in pairs):.2f} | {median(t for _, t in pairs):.2f} |")


def _plain(entries: dict[str, str]) -> Callable[[np.ndarray], object]:
    options = onnxruntime.SessionOptions()
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(YOLOX, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"images": image})


def main() -> None:
    print(f"{machine()}; threads and pruning: best of many runs; spinning: median of 60")
    print_threads(tuple(sys.argv[1:]) or MODELS)
    print_pruning()
    print_spinning()


if __name__ == "__main__":
    main()
