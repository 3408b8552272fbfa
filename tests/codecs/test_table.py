"""The table of codecs: a row of the catalogue becomes a codec and back."""

import json
from dataclasses import dataclass, fields, is_dataclass

import pytest

from pinpoint.codecs import CODECS, codec_class, codec_to_dict, make_codec

ROWS = [
    {"kind": "simcc", "input_size": [192, 256], "split_ratio": 3.0, "sigma": [4.9, 5.66]},
    {"kind": "simcc", "input_size": [288, 384]},
    {"kind": "heatmap", "input_size": [192, 256], "heatmap_size": [48, 64], "udp": True, "refine": "quarter"},
    {"kind": "heatmap", "input_size": [96, 96], "heatmap_size": [24, 24], "refine": "integral", "reach": 5},
    {"kind": "heatmap-offset", "input_size": [192, 256], "heatmap_size": [48, 64], "radius": 0.07},
    {"kind": "simcc", "input_size": [192, 256], "target": "one-hot", "smoothing": 0.1},
    {"kind": "regression", "input_size": [64, 64]},
    {"kind": "rle", "input_size": [64, 64]},
    {"kind": "movenet", "input_size": [192, 192]},
    {"kind": "yolox", "input_size": [416, 416], "strides": [8, 16, 32]},
    {"kind": "rtmdet", "input_size": [320, 320], "min_score": 0.2},
    {"kind": "yunet", "input_size": [320, 320]},
    {"kind": "yolo-pose", "input_size": [640, 640], "keypoints": 21, "values": 2},
    {"kind": "rtmo", "input_size": [640, 640]},
    {"kind": "paf", "input_size": [368, 368], "keypoints": 2, "edges": [(0, 1)]},
    {"kind": "associative", "input_size": [512, 512], "keypoints": 2, "order": [1, 0]},
    {"kind": "dekr", "input_size": [512, 512], "keypoints": 2},
    {"kind": "dense", "input_size": [320, 320], "keypoints": 17, "max_iou": 0.5},
    {"kind": "keypoint-rcnn", "input_size": [640, 640], "keypoints": 21, "instances": 50},
    {"kind": "centernet", "input_size": [512, 384], "keypoints": 21, "most": 20},
]


@pytest.mark.parametrize("kind", CODECS)
def test_every_kind_is_a_frozen_dataclass_that_knows_its_input_size(kind):
    codec = codec_class(kind)
    assert is_dataclass(codec)
    assert codec.__dataclass_params__.frozen
    assert "input_size" in [field.name for field in fields(codec)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["kind"])
def test_a_codec_survives_json(row):
    codec = make_codec(**row)
    again = make_codec(**json.loads(json.dumps(codec_to_dict(codec))))
    assert again == codec
    assert hash(again) == hash(codec)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["kind"])
def test_what_a_row_says_is_what_the_codec_holds(row):
    plain = codec_to_dict(make_codec(**row))
    assert {name: plain[name] for name in row} == row


def test_an_unknown_kind_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no codec 'simc'; there are .*simcc"):
        make_codec("simc", (192, 256))


def test_an_unknown_field_is_named_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"'simcc' has no \['spilt_ratio'\], only \['split_ratio', 'sigma', 'target', 'smoothing'\]",
    ):
        make_codec("simcc", (192, 256), spilt_ratio=2.0)


def test_a_field_that_lacks_is_named():
    with pytest.raises(ValueError, match=r"'heatmap'.*heatmap_size"):
        make_codec("heatmap", (192, 256))


def test_a_codec_of_no_kind_cannot_be_written():
    @dataclass(frozen=True)
    class Mine:
        input_size: tuple[int, int]

    with pytest.raises(ValueError, match="of no kind in CODECS"):
        codec_to_dict(Mine((8, 8)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "simcc", "split_ratio": 0.0}, "split_ratio 0.0"),
        ({"kind": "simcc", "sigma": [5.0, -1.0]}, "sigma .*-1.0"),
        ({"kind": "heatmap", "heatmap_size": [48, 64], "refine": "drak"}, "no refinement 'drak'"),
        ({"kind": "heatmap", "heatmap_size": [48, 64], "blur": 10}, "blur is 10, expected an odd"),
        ({"kind": "heatmap", "heatmap_size": [48, 1]}, "size is .*3 cells"),
        ({"kind": "heatmap", "heatmap_size": [48, 64], "sigma": 0.0}, "sigma is 0.0"),
        ({"kind": "heatmap", "heatmap_size": [48, 64], "beta": 0.0}, "beta 0.0"),
        ({"kind": "heatmap", "heatmap_size": [48, 64], "reach": -1}, "reach -1"),
        ({"kind": "simcc", "target": "one-hit"}, "no target 'one-hit'"),
        ({"kind": "simcc", "smoothing": 1.0}, "smoothing is 1.0"),
        ({"kind": "heatmap-offset", "heatmap_size": [48, 64], "radius": 0.0}, "radius 0.0"),
        ({"kind": "heatmap-offset", "heatmap_size": [1, 64]}, "two cells"),
        ({"kind": "yolo-pose", "values": 4}, "values, expected"),
        ({"kind": "yolo-pose", "keypoints": 0}, "0 keypoints"),
    ],
    ids=str,
)
def test_a_number_out_of_range_is_refused_where_it_is_given(row, message):
    with pytest.raises(ValueError, match=message):
        make_codec(**{"input_size": (192, 256)} | row)
