"""Names and shapes of OpenPose's tensors, for `tests/models/test_official.py`.

Usage: python benchmarks/parity/openpose_names.py

Its code and weights are for non-commercial use, so no reference is run and no file is read: the lists are
made from the layers that its two published networks are known to have, `conv4_3_CPM`, `Mconv1_stage0_L2_0`
and so on, with the widths of arXiv 1611.08050 and 1812.08008. In four bytes a number they add up to 104.66
and 209.25 million bytes; the published files have 104.7 and 209.3 million.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))
from comparison import write_names

Layer = tuple[str, int, int, int]
"""Name, channels that come in, channels that come out, side of the kernel; side 0 is a PReLU."""

VGG = {"1": (64, 64), "2": (128, 128), "3": (256, 256, 256, 256), "4": (512, 512)}


def features(*, prelu: bool) -> Iterator[Layer]:
    """What both networks start with."""
    before = 3
    for block, widths in VGG.items():
        for number, width in enumerate(widths, 1):
            yield f"conv{block}_{number}", before, width, 3
            before = width
    if prelu:
        yield "prelu4_2", 0, 512, 0
    for number, width in (("3", 256), ("4", 128)):
        yield f"conv4_{number}_CPM", before, width, 3
        if prelu:
            yield f"prelu4_{number}_CPM", 0, width, 0
        before = width


def triple_stage(stage: int, branch: str, inside: int, outside: int) -> Iterator[Layer]:
    """One stage of body25: five times three convolutions, then two of 1 x 1."""
    width, narrow = (96, 256) if stage == 0 else (128, 512)
    for block in range(1, 6):
        for part, before in enumerate((inside if block == 1 else 3 * width, width, width)):
            yield f"Mconv{block}_stage{stage}_{branch}_{part}", before, width, 3
            yield f"Mprelu{block}_stage{stage}_{branch}_{part}", 0, width, 0
    yield f"Mconv6_stage{stage}_{branch}", 3 * width, narrow, 1
    yield f"Mprelu6_stage{stage}_{branch}", 0, narrow, 0
    yield f"Mconv7_stage{stage}_{branch}", narrow, outside, 1


def body25() -> Iterator[Layer]:
    """Limbs are branch L2, points L1."""
    yield from features(prelu=True)
    for stage, inside in enumerate((128, 180, 180, 180)):
        yield from triple_stage(stage, "L2", inside, 52)
    for stage, inside in enumerate((180, 206)):
        yield from triple_stage(stage, "L1", inside, 26)


def coco18() -> Iterator[Layer]:
    """Limbs are branch L1, points L2."""
    yield from features(prelu=False)
    for branch, outside in (("L1", 38), ("L2", 19)):
        widths = (128, 128, 128, 128, 512, outside)
        for number, kernel in enumerate((3, 3, 3, 1, 1), 1):
            yield f"conv5_{number}_CPM_{branch}", widths[number - 1], widths[number], kernel
        for stage in range(2, 7):
            for number in range(1, 8):
                before, after = 185 if number == 1 else 128, outside if number == 7 else 128
                yield f"Mconv{number}_stage{stage}_{branch}", before, after, 7 if number < 6 else 1


def tensors(layers: Iterator[Layer]) -> dict[str, Tensor]:
    """Tensors without numbers."""
    held = {}
    with torch.device("meta"):
        for name, before, after, side in layers:
            held[f"{name}.weight"] = torch.empty((after, before, side, side) if side else (after,))
            if side:
                held[f"{name}.bias"] = torch.empty(after)
    return held


if __name__ == "__main__":
    for name, layers in (("openpose-body25", body25()), ("openpose-coco18", coco18())):
        held = tensors(layers)
        write_names(name, held)
        print(name, len(held), "tensors,", f"{4 * sum(t.numel() for t in held.values()):,}", "bytes")
