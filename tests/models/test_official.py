"""Checkpoints as others publish them; scripts of benchmarks/parity wrote down their names and shapes."""

import gzip
from pathlib import Path

import pytest
import torch

from pinpoint.models import ARCHITECTURES, architecture
from pinpoint.skeletons import skeleton

FIXTURES = sorted((Path(__file__).parent / "official").glob("*.txt.gz"))


def held(path):
    """What a checkpoint holds: tensors without numbers, by name."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    pairs = ((line.partition(" ")[0], line.partition(" ")[2]) for line in lines)
    with torch.device("meta"):
        return {name: torch.empty([int(side) for side in shape.split("x") if side]) for name, shape in pairs}


def stem(path):
    return path.name.removesuffix(".txt.gz")


def of_architecture(path):
    """The architecture whose name a list begins with; after it may stand whose names they are."""
    fitting = [name for name in ARCHITECTURES if f"{stem(path)}.".startswith(f"{name}.")]
    return max(fitting, key=len)


def built(name):
    plan = architecture(name)
    with torch.device("meta"):
        return plan.build(plan.codec(plan.input_size), len(skeleton(plan.skeleton)))


@pytest.mark.parametrize("path", FIXTURES, ids=stem)
def test_an_official_checkpoint_loads_with_nothing_missing_and_nothing_left(path):
    name = of_architecture(path)
    built(name).load_state_dict(architecture(name).official(held(path)), strict=True)


def test_a_checkpoint_of_another_size_does_not_load():
    """A check that anything passes would be none."""
    path = next(path for path in FIXTURES if stem(path) == "vitpose-b")
    with pytest.raises(RuntimeError, match="size mismatch"):
        built("vitpose-s").load_state_dict(architecture("vitpose-s").official(held(path)), strict=True)
