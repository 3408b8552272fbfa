"""Time of `pinpoint data check` on many annotations, pictures not opened.

    python benchmarks/data_check.py [ANNOTATIONS]

Writes a file of so many people in COCO's form (17 keypoints) into a temporary folder, reads it and looks for
every fault that shows without pictures. OMP_NUM_THREADS=1 keeps it on one core.
"""

import json
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pinpoint.datasets.doctor.examination import examine
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.sheet import read_sheet
from pinpoint.skeletons import skeleton


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        path.write_text(json.dumps(people(count)))
        clock, cpu = time.perf_counter(), time.process_time()
        sheet = read_sheet(path)
        read = time.perf_counter() - clock
        found = examine(Case(sheet))
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    kinds = ", ".join(finding.fault.code for finding in found) or "nothing"
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    spent = f"{clock:.1f} s, {read:.1f} of them reading; {cpu:.1f} s of the processor"
    print(f"{count:,} annotations: {spent}; found: {kinds}")


def people(count: int, seed: int = 0) -> dict:
    """As many people, four in an image, of noise around one pose."""
    rng, kind = np.random.default_rng(seed), skeleton("coco17")
    usual = rng.uniform(0.1, 0.9, (len(kind), 2))
    xy = usual + rng.normal(0, 0.02, (count, len(kind), 2))
    side = rng.uniform(60, 140, (count, 1, 1))
    xy = np.round(
        np.column_stack([np.arange(count) % 4 * 150 + 2, np.full(count, 20)])[:, None] + side * xy, 1
    )
    v = np.where(rng.random((count, len(kind))) < 0.3, 0, rng.integers(1, 3, (count, len(kind))))
    xyv = np.dstack([np.where(v[..., None] > 0, xy, 0), v])
    boxes = np.column_stack([xy.min(axis=1) - 2, np.ptp(xy, axis=1) + 4])
    return {
        "images": [
            {"id": n + 1, "file_name": f"{n}.jpg", "width": 640, "height": 480}
            for n in range((count + 3) // 4)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(kind.keypoints), "skeleton": []}],
        "annotations": [
            {
                "id": n + 1,
                "image_id": n // 4 + 1,
                "category_id": 1,
                "iscrowd": 0,
                "keypoints": points,
                "num_keypoints": seen,
                "bbox": box,
                "area": 0.5 * box[2] * box[3],
            }
            for n, (points, seen, box) in enumerate(
                zip(
                    xyv.reshape(count, -1).tolist(), (v > 0).sum(axis=1).tolist(), boxes.tolist(), strict=True
                )
            )
        ],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
