"""Evaluates COCO keypoints once, in a process of its own, and prints what it took as one line of JSON.

    python evaluation_peer.py pinpoint|pycocotools|faster-coco-eval metric|whole FOLDER

FOLDER holds `truth.json`, `found.json` and `sigmas.json`. `metric` is what comes after both files are loaded;
`whole` is everything from the two files to the ten numbers. Seconds are the processor's.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Numbers = list[float]


def by_pinpoint(
    folder: Path, sigmas: Sequence[float]
) -> tuple[Callable[[], object], Callable[[object], Numbers]]:
    import numpy as np

    from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures
    from pinpoint.io.coco_arrays import read_coco_arrays

    def load() -> tuple[Truth, Found]:
        truth, found = read_coco_arrays(folder / "truth.json", folder / "found.json")
        labels = Truth(truth.image, truth.xy, truth.boxes, truth.areas, truth.crowd)
        return labels, Found(found.image, found.xy, found.scores, found.areas)

    def measure(loaded: tuple[Truth, Found]) -> Numbers:
        return list(keypoint_measures(*loaded, np.array(sigmas)).values())

    return load, measure


def by_class(coco: type, evaluation: type, folder: Path, sigmas: Sequence[float]):
    import numpy as np

    def load() -> tuple[object, object]:
        truth = coco(str(folder / "truth.json"))
        return truth, truth.loadRes(str(folder / "found.json"))

    def measure(loaded: tuple[object, object]) -> Numbers:
        run = evaluation(*loaded, "keypoints")
        run.params.kpt_oks_sigmas = np.array(sigmas)
        run.evaluate()
        run.accumulate()
        run.summarize()
        return [float(value) for value in run.stats[:10]]

    return load, measure


def by_pycocotools(folder: Path, sigmas: Sequence[float]):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return by_class(COCO, COCOeval, folder, sigmas)


def by_faster(folder: Path, sigmas: Sequence[float]):
    from faster_coco_eval import COCO, COCOeval_faster

    return by_class(COCO, COCOeval_faster, folder, sigmas)


WAYS = {"pinpoint": by_pinpoint, "pycocotools": by_pycocotools, "faster-coco-eval": by_faster}


def main(who: str, what: str, folder: Path) -> None:
    load, measure = WAYS[who](folder, json.loads((folder / "sigmas.json").read_text("utf-8")))
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.process_time()
        loaded = load()
        start = time.process_time() if what == "metric" else start
        numbers = measure(loaded)
        seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_memory(), "numbers": numbers}))


def peak_memory() -> float:
    """Most memory that this process has had, in MB (Linux); `ru_maxrss` would count its parent's, too."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
