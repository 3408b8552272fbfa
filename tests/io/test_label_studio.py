"""An export as Label Studio writes it: percents, ids of ten characters, and what ties regions together."""

import json

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records
from pinpoint.io.label_studio import write_label_studio
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton


def region(id, kind, value, **more):
    return {
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": value,
        "id": id,
        "from_name": "kp-1",
        "to_name": "img-1",
        "type": kind,
        "origin": "manual",
        **more,
    }


def point(id, name, x, y, **more):
    return region(id, "keypointlabels", {"x": x, "y": y, "width": 0.4, "keypointlabels": [name]}, **more)


def box(id, name, x, y, width, height, rotation=0, **more):
    value = {
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "rotation": rotation,
        "rectanglelabels": [name],
    }
    return region(id, "rectanglelabels", value, **more)


def relation(one, other):
    return {"from_id": one, "to_id": other, "type": "relation", "direction": "right"}


def task(*results, image="/data/upload/1/0a1b2c3d-a.jpg", **more):
    annotation = {"id": 5, "completed_by": 1, "result": list(results), "was_cancelled": False}
    return {"id": 12, "annotations": [annotation], "predictions": [], "data": {"img": image}, **more}


@pytest.fixture
def save(tmp_path):
    def saved(*tasks):
        (tmp_path / "x.json").write_text(json.dumps(tasks))
        return tmp_path / "x.json"

    return saved


def test_percents_become_pixels_from_the_centre_of_the_first(save):
    (record,) = read_records(save(task(point("aB3_dE-fGh", "tip", 50, 25), box("iJ", "cat", 0, 0, 100, 100))))
    assert (record.size, record.id, record.image) == ((200, 100), 12, "0a1b2c3d-a.jpg")
    np.testing.assert_array_equal(record.keypoints.xy, [[[99.5, 24.5]]])
    np.testing.assert_array_equal(record.keypoints.boxes, [[-0.5, -0.5, 199.5, 99.5]])
    assert record.keypoints.labels.tolist() == ["cat"] and record.instance_ids == ("iJ",)


@pytest.mark.parametrize("by", ["relation", "parent"])
def test_relations_and_parents_tie_regions_to_instances(by, save):
    parent = {"parentID": "b2"} if by == "parent" else {}
    ties = [relation("p1", "p2"), relation("b2", "p1")] if by == "relation" else []
    regions = [
        box("b1", "cat", 0, 0, 100, 100),
        box("b2", "dog", 0, 0, 50, 50),
        point("p1", "tip", 5, 5, **parent),
        point("p2", "tail", 90, 90, **parent),
    ]
    (kps,) = read(save(task(*regions, *ties)))
    dog = kps.labels.tolist().index("dog")
    assert np.isfinite(kps.xy).all(axis=(1, 2)).tolist() == [row == dog for row in range(2)]


def test_a_choice_of_a_region_says_that_it_is_hidden(save):
    hidden = region("p1", "choices", {"x": 5, "y": 5, "width": 0.4, "choices": ["occluded"]})
    (kps,) = read(save(task(point("p1", "tip", 5, 5), point("p2", "tail", 9, 9), hidden)))
    assert kps.visible.tolist() == [[False, True]]


def test_predictions_bring_scores_where_nobody_annotated(save):
    found = {"model_version": "m", "result": [point("p1", "tip", 5, 5, score=0.25)]}
    (kps,) = read(save(task(annotations=[], predictions=[found])))
    assert kps.scores.tolist() == [[0.25]]


def test_a_cancelled_annotation_is_passed_over_and_a_second_one_counted(save, caplog):
    cancelled = {"result": [point("p1", "tip", 1, 1)], "was_cancelled": True}
    kept, other = ({"result": [point("p1", "tip", x, 50)], "was_cancelled": False} for x in (10, 90))
    (kps,) = read(save(task(annotations=[cancelled, kept, other])))
    np.testing.assert_allclose(kps.xy, [[[19.5, 49.5]]])
    assert "the first is read, not 1" in caplog.text


def test_a_turned_rectangle_becomes_the_box_around_it(save):
    (kps,) = read(save(task(box("b", "cat", 50, 0, 10, 20, rotation=90))))
    np.testing.assert_allclose(kps.boxes, [[79.5, -0.5, 99.5, 19.5]], atol=1e-9)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/local-files/?d=photos/a%20b.jpg", "photos/a b.jpg"),
        ("/data/upload/3/0a1b2c3d-a%20b.jpg", "0a1b2c3d-a b.jpg"),
        ("https://example.com/a.jpg", "https://example.com/a.jpg"),
        ("photos/a.jpg", "photos/a.jpg"),
    ],
)
def test_addresses_of_label_studio_become_names_of_files(address, name, save):
    assert read_records(save(task(image=address)))[0].image == name


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        (
            [task(point("p1", "tip", 1, 1), point("p2", "tip", 2, 2))],
            "task 12: one instance has 'tip' twice: tie",
        ),
        ([task(region("p", "keypointlabels", {"x": 1, "y": 1}))], "task 12: region 'p' has no label"),
        ([task(data={"text": "a"})], "task 12: no image is among its data"),
        ([task(point("p", "tip", 1, 1) | {"original_width": 9}, point("q", "tail", 1, 1))], "several sizes"),
    ],
)
def test_what_is_ambiguous_or_damaged_is_refused_with_its_task(tasks, reason, save):
    with pytest.raises(UnreadableError, match=reason):
        read(save(*tasks))


def test_other_regions_are_left_out_and_counted(save, caplog):
    read(save(task(region("b", "brushlabels", {"rle": []}))))
    assert "left out: 1 x brushlabels" in caplog.text


def test_labels_are_written_as_annotations_and_predictions_as_such(tmp_path):
    kite = Skeleton("kite", ("tip", "tail"))
    xy = np.array([[[99.5, 24.5], [np.nan, np.nan]]])
    for scores, key in (([[1.0, 0]], "annotations"), ([[0.5, 0]], "predictions")):
        write_label_studio(tmp_path / "x.json", [Record(Keypoints(xy, scores, kite), "a.jpg", (200, 100))])
        (written,) = json.loads((tmp_path / "x.json").read_text())
        (result,) = written[key][0]["result"]
        assert result["value"] == {"x": 50.0, "y": 25.0, "width": 0.5, "keypointlabels": ["tip"]}
        assert result.get("score") == (0.5 if key == "predictions" else None)


def test_percents_need_the_size_of_the_image(tmp_path):
    kps = Keypoints(np.ones((1, 1, 2)), np.ones((1, 1)), Skeleton("dot", ("dot",)))
    with pytest.raises(ValueError, match=r"image 'a.jpg' has no size, and percents need it"):
        write_label_studio(tmp_path / "x.json", [Record(kps, "a.jpg")])
