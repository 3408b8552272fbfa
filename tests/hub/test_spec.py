import json

import pytest

from pinpoint.codecs import make_codec
from pinpoint.hub import ModelFile, ModelSpec
from pinpoint.skeletons import Skeleton, skeleton

TRI3 = Skeleton("tri3", ("top", "left", "right"), edges=(("top", "left"),), swaps=(("left", "right"),))
ROW = {"name": "a", "task": "body", "pipeline": "top-down", "input_size": [192, 256]}


def mine(**changes) -> ModelSpec:
    known = {"name": "mine-s", "task": "body", "pipeline": "top-down", "input_size": (192, 256)}
    return ModelSpec(**known | changes)


FULL = mine(
    skeleton=TRI3,
    codec=make_codec("simcc", (192, 256), split_ratio=3.0, sigma=(4.9, 5.66)),
    pad_value=None,
    files=(ModelFile("mine.onnx", "https://example.org/mine.onnx", "0" * 64, 12),),
    metrics={"AP": 75.5},
)


@pytest.mark.parametrize("spec", [mine(), FULL], ids=["bare", "full"])
def test_json_holds_the_whole_row(spec):
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_a_skeleton_of_ones_own_is_written_with_its_definition():
    assert ModelSpec.from_json(FULL.to_json()).skeleton == TRI3
    assert json.loads(FULL.to_json())["skeleton"]["keypoints"] == ["top", "left", "right"]


def test_a_shipped_skeleton_is_written_as_its_name():
    assert mine(skeleton=skeleton("coco17")).to_dict()["skeleton"] == "coco17"


def test_a_changed_skeleton_is_not_mistaken_for_the_shipped_one_of_its_name():
    changed = Skeleton("coco17", ("nose",))
    assert ModelSpec.from_json(mine(skeleton=changed).to_json()).skeleton == changed


def test_every_field_is_written_so_that_later_defaults_change_nothing():
    assert set(mine().to_dict()) == set(FULL.to_dict()) - {"skeleton", "codec"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "rgb"}, "colour"),
        ({"files": [{"name": "x", "hash": "0"}]}, "hash"),
        ({"codec": {"kind": "simcc", "ratio": 2}}, "ratio"),
        ({"codec": {"kind": "simc"}}, "simc"),
        ({"codec": {"kind": "simcc", "input_size": [1, 1]}}, "input_size"),
        ({"task": "bodies"}, "bodies"),
        ({"color": "gbr"}, "gbr"),
        ({"mean": [0.5]}, "mean"),
        ({"skeleton": "coco18"}, "coco18"),
        ({"skeleton": "../skeletons/coco17"}, "no skeleton"),
        ({"files": [{"name": "../x.onnx"}]}, "expected a plain file name"),
        ({"files": [{"name": "..\\x.onnx"}]}, "expected a plain file name"),
    ],
)
def test_a_wrong_row_is_refused_by_what_is_wrong_with_it(change, named):
    with pytest.raises(ValueError, match=named):
        ModelSpec.from_dict(ROW | change)


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match=r"lacks \['input_size'\]"):
        ModelSpec.from_dict({key: value for key, value in ROW.items() if key != "input_size"})


def test_a_codec_for_another_input_is_refused():
    with pytest.raises(ValueError, match="its codec reads"):
        mine(codec=make_codec("simcc", (256, 256)))


@pytest.mark.parametrize("odd", [{"input_size": 3}, {"codec": 3}, {"skeleton": 3}, {"files": [3]}])
def test_a_value_of_another_type_is_a_value_error(odd):
    with pytest.raises(ValueError, match="'a' is described by odd values"):
        ModelSpec.from_json(json.dumps(ROW | odd))


@pytest.mark.parametrize("text", ["[]", "no json", '"name"'])
def test_what_is_no_row_at_all_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        ModelSpec.from_json(text)
