import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pinpoint.io.coco import CocoWriter, read_coco_results
from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

DATA = Path(__file__).parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")


def kps(n: int = 1, name: str = "coco17", **more) -> Keypoints:
    rng = np.random.default_rng(2)
    k = len(skeleton(name))
    xy = rng.integers(1, 500, (n, k, 2)).astype(float)
    xy[:, 3] = np.nan
    return Keypoints(xy, np.where(np.isnan(xy[..., 0]), 0, 0.5), skeleton(name), **more)


def entries(path):
    return json.loads(path.read_text())


def test_reading_inverts_writing(tmp_path):
    truth = kps(3, boxes=[[0.25, 1, 9, 8], [-5, 4, 6, 7], [0, 0, 0, 0]], box_scores=[0.5, 0.25, 1])
    write(tmp_path / "x.json", [Record(truth, "000000000872.jpg")], format="coco")
    (again,) = read_coco_results(tmp_path / "x.json")
    assert again.image == "872"
    for field in ("xy", "scores", "boxes", "box_scores"):
        np.testing.assert_array_equal(getattr(again.keypoints, field), getattr(truth, field))


def test_a_box_round_a_whole_picture_is_cocos_0_0_width_height(tmp_path):
    """COCO measures from the outer edge of the first pixel, Pinpoint from its centre."""
    write(tmp_path / "x.json", kps(boxes=[[-0.5, -0.5, 639.5, 479.5]]), format="coco")
    assert entries(tmp_path / "x.json")[0]["bbox"] == [0, 0, 640, 480]


def test_a_missing_keypoint_is_three_zeros(tmp_path):
    write(tmp_path / "x.json", kps(), format="coco")
    (entry,) = entries(tmp_path / "x.json")
    assert (len(entry["keypoints"]), entry["keypoints"][9:12]) == (51, [0, 0, 0])


def test_without_boxes_they_surround_the_keypoints_and_scores_are_means(tmp_path):
    pair = Keypoints([[[1, 2], [5, 9]]], [[0.5, 0.25]], skeleton=kps().skeleton.__class__("pair", ("a", "b")))
    write(tmp_path / "x.json", pair, format="coco")
    (entry,) = entries(tmp_path / "x.json")
    assert (entry["bbox"], entry["score"], entry["category_id"]) == ([1.5, 2.5, 4, 7], 0.375, 1)


@pytest.mark.parametrize(
    ("images", "ids"),
    [
        (["000000000872.jpg", "COCO_val2014_000000000042.jpg"], [872, 42]),
        (["a.jpg", "b.jpg", "a.jpg"], [1, 2, 1]),
        (["x/img7.png", "y/img7.png", "z.png", "img1.png"], [7, 1, 2, 3]),
        (["", ""], [1, 1]),
    ],
)
def test_images_have_the_number_that_ends_their_name_or_the_next_free(images, ids, tmp_path):
    write(tmp_path / "x.json", [Record(kps(), image) for image in images], format="coco")
    assert [entry["image_id"] for entry in entries(tmp_path / "x.json")] == ids


def test_frames_of_a_video_have_their_own_numbers(tmp_path):
    write(
        tmp_path / "x.json",
        [Record(kps(), "clip1.mp4", index=i, seconds=i / 25) for i in range(3)],
        format="coco",
    )
    assert [entry["image_id"] for entry in entries(tmp_path / "x.json")] == [0, 1, 2]


def test_a_taken_number_is_warned_of(tmp_path, caplog):
    write(tmp_path / "x.json", [Record(kps(), "x/7.png"), Record(kps(), "y/7.png")], format="coco")
    assert "image number 7 is taken, so y/7.png is image 1" in caplog.text


def test_given_numbers_are_used_and_none_is_made_up(tmp_path):
    with CocoWriter(tmp_path / "x.json", image_ids={"a.jpg": 31}, category_id=4) as writer:
        writer.write(Record(kps(), "a.jpg"))
        with pytest.raises(ValueError, match=r"image_ids has no number for 'b1\.jpg'"):
            writer.write(Record(kps(), "b1.jpg"))
    (entry,) = entries(tmp_path / "x.json")
    assert (entry["image_id"], entry["category_id"]) == (31, 4)


def test_boxes_alone_are_results_too(tmp_path):
    boxes = Keypoints(
        np.zeros((2, 0, 2)), np.zeros((2, 0)), skeleton("box"), boxes=[[1, 2, 3, 4]] * 2, box_scores=[1, 0]
    )
    write(tmp_path / "x.json", boxes, format="coco")
    (again,) = read(tmp_path / "x.json")
    assert "keypoints" not in entries(tmp_path / "x.json")[0]
    assert (again.skeleton.name, again.boxes.tolist()) == ("box", boxes.boxes.tolist())


@pytest.mark.parametrize("name", ["coco17", "coco_wholebody133", "face68", "mpii16"])
def test_a_count_that_one_skeleton_has_names_it(name, tmp_path, caplog):
    caplog.set_level("INFO", "pinpoint")
    write(tmp_path / "x.json", kps(name=name), format="coco")
    assert read(tmp_path / "x.json")[0].skeleton.name == name
    assert f"are taken for {name}" in caplog.text


def test_a_count_that_several_skeletons_have_needs_a_word(tmp_path):
    write(tmp_path / "x.json", kps(name="lsp14"), format="coco")
    with pytest.raises(UnreadableError, match="aic14 and crowdpose14 and lsp14 have 14 keypoints: say which"):
        read(tmp_path / "x.json")
    assert read(tmp_path / "x.json", skeleton("lsp14"))[0].skeleton.name == "lsp14"


def test_a_result_of_another_count_is_named(tmp_path):
    results = [{"image_id": i, "keypoints": [1] * 3 * k} for i, k in enumerate([17, 17, 16])]
    (tmp_path / "x.json").write_text(json.dumps(results))
    with pytest.raises(UnreadableError, match="result 3: it has 16 keypoints"):
        read(tmp_path / "x.json")


@pytest.mark.shared
@needs_data
def test_detections_of_another_program_are_read():
    path = DATA / "samples/coco/test_coco_det_AP_H_56.json"
    raw = entries(path)
    records = read_coco_results(path)
    assert sum(len(record.keypoints) for record in records) == len(raw)
    x, y, width, height = raw[0]["bbox"]
    np.testing.assert_allclose(records[0].keypoints.boxes[0] + 0.5, [x, y, x + width, y + height])
    assert records[0].image == str(raw[0]["image_id"])


@pytest.mark.shared
@needs_data
def test_truth_written_as_results_scores_full_marks_with_pycocotools(tmp_path, capsys):
    truth = [r for r in read_coco_truth(DATA / "coco_person/val.json") if len(r.keypoints)]
    write(tmp_path / "x.json", truth, format="coco")
    coco = COCO(DATA / "coco_person/val.json")
    evaluation = COCOeval(coco, coco.loadRes(str(tmp_path / "x.json")), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] > 0.999
    assert evaluation.stats[5] > 0.999
