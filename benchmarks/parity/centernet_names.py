"""Names and shapes of CenterNet's tensors, for `tests/models/test_official.py`.

Usage: python benchmarks/parity/centernet_names.py

Nobody packages CenterNet, and its deformable layers have to be compiled. The lists follow the definitions in
`pose_dla_dcn.py` and `large_hourglass.py` of github.com/xingyizhou/CenterNet (MIT): what each layer is
called, channels that come in and channels that go out. With ImageNet's classes, which published files of the
tree still hold, and with two projections that nothing runs.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from comparison import write_names

Named = Iterator[tuple[str, tuple[int, ...]]]
HEADS = {"hm": 1, "wh": 2, "hps": 34, "reg": 2, "hm_hp": 17, "hp_offset": 2}
WIDTHS = (16, 32, 64, 128, 256, 512)
HOURGLASS, BLOCKS = (256, 256, 384, 384, 384, 512), (2, 2, 2, 2, 2, 4)


def conv(name: str, inside: int, outside: int, side: int, *, bias: bool = False) -> Named:
    """A convolution."""
    yield f"{name}.weight", (outside, inside, side, side)
    if bias:
        yield f"{name}.bias", (outside,)


def norm(name: str, width: int) -> Named:
    """A batch norm."""
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (width,)
    yield f"{name}.num_batches_tracked", ()


def pair(name: str, inside: int, outside: int, side: int, parts: Sequence[str] = ("0", "1")) -> Named:
    """A convolution and its norm."""
    yield from conv(f"{name}.{parts[0]}", inside, outside, side)
    yield from norm(f"{name}.{parts[1]}", outside)


def block(name: str, inside: int, outside: int, bypass: str = "", *, stride: int = 1) -> Named:
    """Two convolutions and, where the shape changes, what goes by."""
    yield from pair(name, inside, outside, 3, ("conv1", "bn1"))
    yield from pair(name, outside, outside, 3, ("conv2", "bn2"))
    if bypass and (stride > 1 or inside != outside):
        yield from pair(f"{name}.{bypass}", inside, outside, 1)


def tree(name: str, depth: int, inside: int, outside: int, root: int = 0, *, rooted: bool = False) -> Named:
    """Two trees of one level less, or two blocks and a root."""
    root = (root or 2 * outside) + (inside if rooted else 0)
    if depth == 1:
        yield from block(f"{name}.tree1", inside, outside)
        yield from block(f"{name}.tree2", outside, outside)
        yield from pair(f"{name}.root", root, outside, 1, ("conv", "bn"))
    else:
        yield from tree(f"{name}.tree1", depth - 1, inside, outside)
        yield from tree(f"{name}.tree2", depth - 1, outside, outside, root + outside)
    if inside != outside:
        yield from pair(f"{name}.project", inside, outside, 1)


def deformable(name: str, inside: int, outside: int) -> Named:
    """A deformable convolution after which comes a norm."""
    yield from norm(f"{name}.actf.0", outside)
    yield from conv(f"{name}.conv", inside, outside, 3, bias=True)
    yield from conv(f"{name}.conv.conv_offset_mask", inside, 27, 3, bias=True)


def aggregation(name: str, outside: int, channels: Sequence[int], scales: Sequence[int]) -> Named:
    """Every level after the first is brought to its size."""
    for place, (inside, scale) in enumerate(zip(channels, scales, strict=True), 1):
        yield from deformable(f"{name}.proj_{place}", inside, outside)
        yield f"{name}.up_{place}.weight", (outside, 1, 2 * scale, 2 * scale)
        yield from deformable(f"{name}.node_{place}", outside, outside)


def dla34() -> Named:
    """All of `multi_pose_dla_3x.pth`."""
    yield from pair("base.base_layer", 3, 16, 7)
    yield from pair("base.level0", 16, 16, 3)
    yield from pair("base.level1", 16, 32, 3)
    for place, depth in ((2, 1), (3, 2), (4, 2), (5, 1)):
        yield from tree(f"base.level{place}", depth, WIDTHS[place - 1], WIDTHS[place], rooted=place > 2)
    yield from conv("base.fc", 512, 1000, 1, bias=True)
    yield from aggregation("dla_up.ida_0", 256, (512,), (2,))
    yield from aggregation("dla_up.ida_1", 128, (256, 256), (2, 2))
    yield from aggregation("dla_up.ida_2", 64, (128, 128, 128), (2, 2, 2))
    yield from aggregation("ida_up", 64, (128, 256), (2, 4))
    for name, maps in HEADS.items():
        yield from conv(f"{name}.0", 64, 256, 3, bias=True)
        yield from conv(f"{name}.2", 256, maps, 1, bias=True)


def hourglass(name: str, level: int) -> Named:
    """Half the size, the same again inside, and back."""
    width, inner, count = HOURGLASS[level], HOURGLASS[level + 1], BLOCKS[level]
    for place in range(count):
        yield from block(f"{name}.up1.{place}", width, width, "skip")
    for place in range(count):
        inside, stride = (inner, 1) if place else (width, 2)
        yield from block(f"{name}.low1.{place}", inside, inner, "skip", stride=stride)
    if level < 4:
        yield from hourglass(f"{name}.low2", level + 1)
    else:
        for place in range(BLOCKS[level + 1]):
            yield from block(f"{name}.low2.{place}", inner, inner, "skip")
    for place in range(count):
        outside = width if place == count - 1 else inner
        yield from block(f"{name}.low3.{place}", inner, outside, "skip")


def hourglasses() -> Named:
    """All of `multi_pose_hg_3x.pth`."""
    yield from pair("pre.0", 3, 128, 7, ("conv", "bn"))
    yield from block("pre.1", 128, 256, "skip", stride=2)
    for stack in range(2):
        yield from hourglass(f"kps.{stack}", 0)
        yield from pair(f"cnvs.{stack}", 256, 256, 3, ("conv", "bn"))
    yield from block("inters.0", 256, 256, "skip")
    yield from pair("inters_.0", 256, 256, 1)
    yield from pair("cnvs_.0", 256, 256, 1)
    for name, maps in HEADS.items():
        for stack in range(2):
            yield from conv(f"{name}.{stack}.0.conv", 256, 256, 3, bias=True)
            yield from conv(f"{name}.{stack}.1", 256, maps, 1, bias=True)


def main() -> None:
    """Write both lists."""
    with torch.device("meta"):
        for name, layers in (("centernet-dla34", dla34()), ("centernet-hourglass", hourglasses())):
            write_names(name, {key: torch.empty(shape) for key, shape in layers})


if __name__ == "__main__":
    main()
