import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from pinpoint.io.coco_truth import read_coco_truth, read_crowd_regions, write_coco_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

DATA = Path(__file__).parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")

PAIR = {"id": 1, "name": "pair", "keypoints": ["left_a", "right_a"], "skeleton": [[1, 2]]}
ONE = {"id": 2, "name": "one", "keypoints": ["tip"]}
IMAGES = [{"id": 9, "file_name": "z.jpg", "width": 64, "height": 48}, {"id": 4, "file_name": "a.jpg"}]


def annotation(category=1, image=9, points=(3, 4, 1, 5, 6, 2), **more):
    box = {"bbox": [10, 20, 30, 40], "area": 50.5}
    return {"image_id": image, "category_id": category, "keypoints": list(points), **box, **more}


@pytest.fixture
def write(tmp_path):
    def written(annotations, categories=(PAIR,), images=IMAGES):
        document = {"images": images, "annotations": annotations, "categories": list(categories)}
        (tmp_path / "x.json").write_text(json.dumps(document))
        return tmp_path / "x.json"

    return written


def test_every_image_is_a_record_in_the_files_order(write):
    first, second = read_coco_truth(write([annotation(image=4)]))
    assert (first.image, first.size, len(first.keypoints)) == ("z.jpg", (64, 48), 0)
    assert (second.image, second.size, len(second.keypoints)) == ("a.jpg", None, 1)
    assert first.keypoints.skeleton == second.keypoints.skeleton


@pytest.mark.parametrize(("v", "visible", "score"), [(0, False, 0), (1, False, 1), (2, True, 1)])
def test_the_flag_says_missing_hidden_or_visible(v, visible, score, write):
    kps = read(write([annotation(points=(3, 4, v, 5, 6, 2))]))[0]
    np.testing.assert_array_equal(kps.xy[0, 0], [3, 4] if v else [np.nan, np.nan])
    assert (kps.visible[0, 0], kps.scores[0, 0]) == (visible, score)


def test_boxes_are_corners_from_the_centre_of_the_first_pixel(write):
    kps = read(write([annotation()]))[0]
    assert kps.boxes.tolist() == [[9.5, 19.5, 39.5, 59.5]]
    assert kps.areas.tolist() == [50.5]


def test_an_unknown_category_makes_a_skeleton(write):
    kps = read(write([annotation()]))[0]
    assert (kps.skeleton.name, kps.skeleton.edges) == ("pair", (("left_a", "right_a"),))
    assert kps.skeleton.swaps == (("left_a", "right_a"),)


def test_edges_that_point_nowhere_are_left_out_with_a_warning(write, caplog):
    kps = read(write([annotation()], [{**PAIR, "skeleton": [[0, 1]]}]))[0]
    assert kps.skeleton.edges == ()
    assert "read without edges" in caplog.text


def test_categories_of_several_skeletons_give_a_record_each(write):
    path = write([annotation(), annotation(2, points=(7, 8, 2)), annotation()], [PAIR, ONE])
    records = [r for r in read_coco_truth(path) if len(r.keypoints)]
    assert [(r.image, r.keypoints.skeleton.name) for r in records] == [("z.jpg", "pair"), ("z.jpg", "one")]
    assert [r.keypoints.labels.tolist() for r in records] == [["pair", "pair"], ["one"]]


def test_crowds_are_regions_and_not_instances(write):
    path = write([annotation(), annotation(iscrowd=1)])
    assert len(read(path)[0]) == 1
    assert {name: boxes.tolist() for name, boxes in read_crowd_regions(path).items()} == {
        "z.jpg": [[9.5, 19.5, 39.5, 59.5]]
    }


def test_an_annotation_that_does_not_fit_its_category_needs_a_word(write):
    path = write([annotation(), annotation(points=[1, 1, 2] * 68)])
    with pytest.raises(UnreadableError, match=r"annotation 2: it has 68 keypoints, but Skeleton\('pair'"):
        read(path)


def test_an_annotation_without_keypoints_is_a_box(write):
    unlabelled = annotation()
    del unlabelled["keypoints"]
    kps = read(write([annotation(), unlabelled]))[0]
    assert np.isnan(kps.xy[1]).all()
    assert len(kps.boxes) == 2


def test_a_file_of_boxes_alone_is_read(write):
    bare = annotation(points=())
    kps = read(write([bare, bare], categories=[{"id": 1, "name": "thing"}]))[0]
    assert kps.xy.shape == (2, 0, 2) and kps.boxes.shape == (2, 4)


@pytest.mark.shared
@needs_data
def test_real_annotations_agree_with_pycocotools(capsys):
    coco = COCO(DATA / "coco_person/val.json")
    records = {r.image: r.keypoints for r in read_coco_truth(DATA / "coco_person/val.json")}
    assert len(records) == len(coco.imgs)
    for number, image in coco.imgs.items():
        truth = coco.loadAnns(coco.getAnnIds(number, iscrowd=False))
        kps = records[image["file_name"]]
        xyv = np.array([item["keypoints"] for item in truth]).reshape(-1, 17, 3)
        np.testing.assert_array_equal(np.nan_to_num(kps.xy), xyv[..., :2] * (xyv[..., 2:] > 0))
        np.testing.assert_array_equal(kps.areas, [item["area"] for item in truth])
        np.testing.assert_array_equal(
            (~np.isnan(kps.xy[..., 0])).sum(axis=1), [i["num_keypoints"] for i in truth]
        )
    assert sum(map(len, read_crowd_regions(DATA / "coco_person/val.json").values())) == 3


SAMPLES = {
    "300w/test_300w": "face68",
    "aic/test_aic": "aic14",
    "animalpose/test_animalpose": "animalpose20",
    "ap10k/test_ap10k": "ap10k17",
    "coco/test_coco": "coco17",
    "coco/test_coco_wholebody": "coco_wholebody133",
    "crowdpose/test_crowdpose": "crowdpose14",
    "freihand/test_freihand": "hand21",
    "h36m/h36m_coco": "h36m17",
    "halpe/test_halpe": "halpe136",
    "macaque/test_macaque": "coco17",
    "onehand10k/test_onehand10k": "hand21",
    "rhd/test_rhd": "hand21",
    "wflw/test_wflw": "wflw98",
}


@pytest.mark.shared
@needs_data
@pytest.mark.parametrize("sample", SAMPLES)
def test_real_files_of_many_datasets_are_read(sample):
    path = DATA / f"samples/{sample}.json"
    named = SAMPLES[sample]
    records = read_coco_truth(path)
    if records[0].keypoints.skeleton.name != named:
        records = read_coco_truth(path, skeleton(named))
    assert sum(len(r.keypoints) for r in records) > 0
    assert {r.keypoints.xy.shape[1] for r in records} == {len(skeleton(named))}
    assert all(0 <= np.nanmedian(r.keypoints.xy) <= 5000 for r in records if len(r.keypoints))


@pytest.mark.shared
@needs_data
def test_the_lists_of_cocos_whole_body_are_put_together():
    whole = skeleton("coco_wholebody133")
    kps = read(DATA / "samples/coco/test_coco_wholebody.json")[0]
    raw = json.loads((DATA / "samples/coco/test_coco_wholebody.json").read_text())["annotations"][0]
    assert kps.xy[0, whole.index("right_heel")].tolist() == raw["foot_kpts"][15:17]
    assert kps.xy[0, whole.index("face-0")].tolist() == raw["face_kpts"][:2]
    assert np.isnan(kps.xy[0, whole.part_index("left_hand")]).all()
    assert kps.xy[0, whole.index("right_pinky_tip")].tolist() == raw["righthand_kpts"][60:62]


def test_records_keep_what_the_file_calls_pictures_and_instances(write):
    path = write([annotation(id=70), annotation(id=71, image=4), annotation(id=72, iscrowd=1, area=7.5)])
    first, second = read_coco_truth(path)
    assert (first.id, first.instance_ids) == (9, (70,))
    assert (second.id, second.instance_ids) == (4, (71,))
    assert first.crowds.tolist() == [[9.5, 19.5, 39.5, 59.5]] and first.crowd_areas.tolist() == [7.5]
    assert second.crowds.shape == (0, 4) and second.crowd_areas is None


def test_a_box_that_one_instance_lacks_is_none_of_the_others(write):
    bare = annotation()
    del bare["bbox"], bare["area"]
    kps = read(write([annotation(), bare]))[0]
    assert kps.boxes[0].tolist() == [9.5, 19.5, 39.5, 59.5] and np.isnan(kps.boxes[1]).all()
    np.testing.assert_array_equal(kps.areas, [50.5, np.nan])


def test_boxes_that_a_whole_file_lacks_are_none(write):
    kps = read(write([{"image_id": 9, "category_id": 1, "keypoints": [3, 4, 1, 5, 6, 2]}]))[0]
    assert kps.boxes is None and kps.areas is None


def people(kind, rng, **more):
    xy = rng.uniform(0, 99, (2, len(kind), 2)).round(1)
    xy[1, 0] = np.nan
    visible = rng.random(xy.shape[:2]) < 0.5
    there = np.isfinite(xy[..., 0])
    return Keypoints(xy, there, kind, visible=visible & there, boxes=[[0, 0, 9, 9], [1, 1, 5, 7]], **more)


def test_pycocotools_reads_what_is_written(tmp_path, rng, capsys):
    record = Record(people(skeleton("coco17"), rng, areas=[81, 24]), "street/0012.jpg", (64, 48))
    write_coco_truth(tmp_path / "x.json", [replace(record, crowds=np.array([[0.5, 0.5, 8.5, 8.5]]))])
    coco = COCO(tmp_path / "x.json")
    assert coco.imgs == {12: {"id": 12, "file_name": "street/0012.jpg", "width": 64, "height": 48}}
    first, second, crowd = coco.loadAnns(coco.getAnnIds(12))
    assert (first["num_keypoints"], second["num_keypoints"], crowd["iscrowd"]) == (17, 16, 1)
    assert (first["bbox"], crowd["bbox"], crowd["area"]) == ([0.5, 0.5, 9, 9], [1, 1, 8, 8], 64)
    assert second["keypoints"][:3] == [0, 0, 0]
    assert coco.cats[1]["name"] == "person"
    assert [16, 14] in [sorted(edge, reverse=True) for edge in coco.cats[1]["skeleton"]]


def test_a_whole_body_is_written_in_the_lists_of_coco_whole_body(tmp_path, rng):
    whole = skeleton("coco_wholebody133")
    kps = people(whole, rng)
    kps.xy[1, whole.part_index("left_hand")] = np.nan
    write_coco_truth(tmp_path / "x.json", [kps])
    document = json.loads((tmp_path / "x.json").read_text())
    counts = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
    one, other = document["annotations"]
    assert {key: len(one[key]) // 3 for key in counts} == counts
    assert (one["lefthand_valid"], other["lefthand_valid"], other["face_valid"]) == (True, False, True)
    assert (len(document["categories"][0]["keypoints"]), other["num_keypoints"]) == (17, 16)
    np.testing.assert_array_equal(read(tmp_path / "x.json")[0].xy, kps.xy)


def test_ids_are_kept_and_new_ones_are_of_no_other(tmp_path, rng):
    kps = people(skeleton("coco17"), rng)
    records = [
        Record(kps, "7.jpg"),
        Record(kps, "x.jpg", index=1, id=7, instance_ids=(1, 2)),
        Record(kps, "y.jpg", index=2),
    ]
    write_coco_truth(tmp_path / "x.json", records)
    back = read_coco_truth(tmp_path / "x.json")
    assert (back[1].id, back[1].instance_ids) == (7, (1, 2))
    assert len({record.id for record in back}) == 3
    assert len({number for record in back for number in record.instance_ids}) == 6


@pytest.mark.shared
@needs_data
@pytest.mark.parametrize("sample", SAMPLES)
def test_real_files_come_back_from_what_is_written(sample, tmp_path):
    path, named = DATA / f"samples/{sample}.json", skeleton(SAMPLES[sample])
    records = read_coco_truth(path)
    if records[0].keypoints.skeleton != named:
        records = read_coco_truth(path, named)
    write_coco_truth(tmp_path / "x.json", records)
    for record, again in zip(records, read_coco_truth(tmp_path / "x.json"), strict=True):
        assert (again.id, again.image, again.size, again.instance_ids) == (
            record.id,
            record.image,
            record.size,
            record.instance_ids,
        )
        assert again.keypoints.arrays().keys() == record.keypoints.arrays().keys()
        np.testing.assert_array_equal(again.keypoints.visible, record.keypoints.visible)
        for field in {"xy", "boxes", "areas"} & record.keypoints.arrays().keys():
            back, array = getattr(again.keypoints, field), getattr(record.keypoints, field)
            np.testing.assert_allclose(back, array, rtol=0, atol=1.01e-3, err_msg=field)
