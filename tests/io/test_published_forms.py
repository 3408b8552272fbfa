"""MPII, AI Challenger, CrowdPose and Halpe, against their published form and real samples."""

import json
from pathlib import Path

import numpy as np
import pytest

from pinpoint.io.aic import read_aic, write_aic
from pinpoint.io.crowdpose import crowd_index, read_crowd_indices, read_crowdpose, write_crowdpose
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import FORMATS, open_writer, read, read_records
from pinpoint.io.mpii import read_mpii, write_mpii
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

PERSON = {
    "image": "a.jpg",
    "center": [101.0, 51.0],
    "scale": 0.5,
    "joints": [[11.0, 21.0]] * 14 + [[31.0, 41.0], [-1.0, -1.0]],
    "joints_vis": [1] * 14 + [0, 0],
}
AIC = {
    "image_id": "abc",
    "url": "",
    "human_annotations": {"human2": [1, 2, 30, 40]},
    "keypoint_annotations": {"human1": [0, 0, 3] * 14, "human2": [5, 6, 1, 7, 8, 2] + [0, 0, 3] * 12},
}


@pytest.fixture
def saved(tmp_path):
    def written(document):
        (tmp_path / "x.json").write_text(json.dumps(document))
        return tmp_path / "x.json"

    return written


def test_mpii_counts_from_one(saved):
    kps = read(saved([PERSON]))[0]
    assert (kps.xy[0, 0].tolist(), kps.boxes.tolist()) == ([10, 20], [[50, 0, 150, 100]])
    assert (kps.visible[0, 0], kps.visible[0, 14], kps.xy[0, 14].tolist()) == (True, False, [30, 40])
    assert np.isnan(kps.xy[0, 15]).all()


def test_mpii_of_the_other_form_has_sizes_and_splits(saved):
    points = np.column_stack([PERSON["joints"], PERSON["joints_vis"]]).tolist()
    form = {"img_paths": "a.jpg", "objpos": [101, 51], "scale_provided": 0.5, "joint_self": points}
    more = {"isValidation": 1.0, "img_width": 1280.0, "img_height": 720.0}
    (record,) = read_records(saved([form | more]))
    assert (record.size, record.split) == ((1280, 720), "val")
    np.testing.assert_array_equal(record.keypoints.xy, read_mpii(saved([PERSON]))[0].keypoints.xy)


def test_aic_calls_visible_what_coco_calls_hidden(saved):
    (record,) = read_records(saved([AIC]))
    kps = record.keypoints
    assert (record.image, len(kps)) == ("abc.jpg", 2)
    assert np.isnan(kps.xy[0]).all() and np.isnan(kps.boxes[0]).all()
    assert (kps.visible[1, :2].tolist(), kps.xy[1, :2].tolist()) == ([True, False], [[5, 6], [7, 8]])
    assert kps.boxes[1].tolist() == [1, 2, 30, 40]


def test_aic_is_written_as_it_was(saved, tmp_path):
    write_aic(tmp_path / "y.json", read_aic(saved([AIC])))
    assert json.loads((tmp_path / "y.json").read_text()) == [
        {key: value for key, value in AIC.items() if key != "url"}
    ]


BROKEN = {
    "mpii points": (
        [PERSON, PERSON | {"joints": [[1, 2]]}],
        "person 2: it has 1 points",
    ),
    "mpii name": ([{"joints": [], "joints_vis": []}], "person 1 lacks 'image'"),
    "mpii centre": ([PERSON | {"center": [1]}], "person 1: its centre"),
    "aic points": ([AIC | {"keypoint_annotations": {"human1": [1, 2]}}], "picture 1: human1 has 2 numbers"),
    "aic flag": (
        [AIC | {"keypoint_annotations": {"human1": [0, 0, 7] * 14}}],
        r"v of \[7\.0\]",
    ),
    "aic box": ([AIC | {"human_annotations": {"human2": [1, 2]}}], "picture 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_with_its_place(name, saved):
    document, reason = BROKEN[name]
    with pytest.raises(UnreadableError, match=reason):
        read(saved(document))


@pytest.mark.parametrize("name", ["mpii", "aic", "crowdpose", "halpe"])
def test_another_skeleton_is_refused(name, tmp_path, rng):
    body = skeleton("coco17")
    kps = Keypoints(rng.uniform(0, 9, (1, 17, 2)), np.ones((1, 17)), body)
    with (
        pytest.raises(ValueError, match="coco17"),
        open_writer(tmp_path / "x.json", format=name) as writer,
    ):
        writer.write(Record(kps, "a.jpg"))


SAMPLES = {
    "mpii/test_mpii": ("mpii16", 5, 5),
    "aic/test_aic": ("aic14", 3, 9),
    "crowdpose/test_crowdpose": ("crowdpose14", 2, 5),
    "halpe/test_halpe": ("halpe136", 4, 14),
}


@pytest.mark.shared
@pytest.mark.parametrize("sample", SAMPLES)
def test_real_samples_lie_within_their_pictures(sample, shared_data: Path):
    kind, pictures, instances = SAMPLES[sample]
    records = read_records(shared_data / f"samples/{sample}.json")
    assert (len(records), sum(len(r.keypoints) for r in records)) == (pictures, instances)
    assert {r.keypoints.skeleton for r in records} == {skeleton(kind)}
    inside = [
        (xy >= box[:2] - 3) & (xy <= box[2:] + 3)
        for r in records
        for xy, box in zip(r.keypoints.xy, np.asarray(r.keypoints.boxes), strict=True)
    ]
    there = [np.isfinite(xy) for r in records for xy in r.keypoints.xy]
    share = np.concatenate(inside)[np.concatenate(there)].mean()
    assert share > 0.95  # people mark some points a little beside their boxes


@pytest.mark.shared
def test_crowds_are_as_dense_as_the_published_file_says(shared_data: Path, tmp_path):
    path = shared_data / "samples/crowdpose/test_crowdpose.json"
    published = read_crowd_indices(path)
    records = read_crowdpose(path)
    assert {r.image: round(crowd_index(r.keypoints), 2) for r in records} == published
    write_crowdpose(tmp_path / "x.json", records)
    assert read_crowd_indices(tmp_path / "x.json") == published


@pytest.mark.shared
@pytest.mark.parametrize("sample", SAMPLES)
def test_real_samples_come_back_from_what_is_written(sample, shared_data: Path, tmp_path):
    records = read_records(shared_data / f"samples/{sample}.json")
    name = sample.split("/", maxsplit=1)[0]
    with open_writer(tmp_path / "x.json", format=name) as writer:
        for record in records:
            writer.write(record)
    for record, again in zip(records, read_records(tmp_path / "x.json", format=name), strict=True):
        assert again.image == record.image
        for field in {"xy", "boxes"} & FORMATS[name].holds:
            back, array = getattr(again.keypoints, field), getattr(record.keypoints, field)
            np.testing.assert_allclose(back, array, rtol=0, atol=1.01e-3, err_msg=field)
        np.testing.assert_array_equal(again.keypoints.visible, record.keypoints.visible)


def test_other_ground_truth_that_says_how_crowded_it_is_is_that(saved):
    image = {"id": 1, "file_name": "a.jpg", "crowdIndex": 0.5}
    kinds = [{"id": 1, "name": "person", "keypoints": list(skeleton("coco17").keypoints)}]
    people = [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2] * 17}]
    document = {"images": [image], "annotations": people, "categories": kinds}
    assert read(saved(document))[0].skeleton == skeleton("coco17")


def test_mpii_of_nobody_is_an_empty_list(tmp_path):
    write_mpii(tmp_path / "x.json", [])
    assert read(tmp_path / "x.json", format="mpii") == []
