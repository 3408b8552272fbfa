"""Files for images and for video as CVAT writes them; it measures from the outer edge of the first pixel."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pinpoint.io.cvat import read_cvat, write_cvat
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

LABELS = """<labels>
  <label><name>kite</name><color>#d12345</color><type>skeleton</type><attributes></attributes>
    <svg>&lt;line x1="38.9" y1="19.8" x2="45.9" y2="49.3" stroke="black" data-type="edge"
      data-node-from="2" stroke-width="0.5" data-node-to="1"&gt;&lt;/line&gt;&lt;circle r="1.5"
      cx="45.9" cy="49.3" data-type="element node" data-element-id="1" data-node-id="1"
      data-label-name="tip"&gt;&lt;/circle&gt;</svg></label>
  <label><name>tip</name><type>points</type><attributes></attributes><parent>kite</parent></label>
  <label><name>tail</name><type>points</type><attributes></attributes><parent>kite</parent></label>
  <label><name>cat</name><type>rectangle</type><attributes></attributes></label>
</labels>"""
META = f"<meta><task><id>1</id><name>t</name><mode>annotation</mode>{LABELS}</task></meta>"
SKELETON = """<skeleton label="kite" source="manual" z_order="0"{group}>
    <points label="tip" source="manual" outside="0" occluded="{occluded}" points="10.50,20.25"></points>
    <points label="tail" source="manual" outside="{outside}" occluded="0" points="1.00,2.00"></points>
  </skeleton>"""


def drawn(outside=0, occluded=0, group=""):
    return SKELETON.format(outside=outside, occluded=occluded, group=group and f' group_id="{group}"')


@pytest.fixture
def save(tmp_path):
    def saved(
        *shapes, meta=META, image='<image id="3" name="d/a.jpg" subset="Train" width="64" height="48">'
    ):
        body = f"{image}{''.join(shapes)}</image>" if image else "".join(shapes)
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{body}'
        (tmp_path / "x.xml").write_text(f"{text}</annotations>\n")
        return tmp_path / "x.xml"

    return saved


def test_a_skeleton_is_an_instance(save):
    (record,) = read_records(save(drawn()))
    assert (record.image, record.size, record.id, record.split) == ("d/a.jpg", (64, 48), 3, "Train")
    np.testing.assert_array_equal(record.keypoints.xy, [[[10, 19.75], [0.5, 1.5]]])
    assert record.keypoints.visible.all() and record.keypoints.boxes is None


def test_outside_is_missing_and_occluded_is_hidden(save):
    (kps,) = read(save(drawn(outside=1, occluded=1)))
    assert np.isnan(kps.xy[0, 1]).all() and np.isfinite(kps.xy[0, 0]).all()
    assert kps.visible.tolist() == [[False, False]] and kps.scores.tolist() == [[1, 0]]


def test_the_drawing_of_the_label_has_the_edges(save):
    assert read(save())[0].skeleton == Skeleton("kite", ("tip", "tail"), (("tail", "tip"),))


def test_a_skeleton_with_the_names_of_a_known_one_is_that(save):
    body = skeleton("coco17")
    parts = "".join(f"<label><name>{n}</name><parent>person</parent></label>" for n in body.keypoints)
    labels = f"<meta><task><labels><label><name>person</name></label>{parts}</labels></task></meta>"
    assert read(save(meta=labels))[0].skeleton == body


def test_a_group_ties_boxes_and_points(save):
    box = '<box label="cat" source="manual" occluded="0" xtl="{}" ytl="1" xbr="30" ybr="40" group_id="{}"/>'
    (record,) = read_records(save(drawn(group=2), box.format(0.5, 2), box.format(5.5, 0)))
    np.testing.assert_array_equal(record.keypoints.boxes, [[0, 0.5, 29.5, 39.5], [5, 0.5, 29.5, 39.5]])
    assert np.isfinite(record.keypoints.xy).all(axis=(1, 2)).tolist() == [True, False]
    assert record.keypoints.labels.tolist() == ["kite", "cat"]


def test_points_named_one_by_one_are_one_instance_by_their_group(save):
    point = '<points label="{}" source="manual" occluded="{}" points="{}" z_order="0" group_id="{}"></points>'
    meta = "<meta></meta>"
    shapes = [
        point.format("tip", 1, "1.5,1.5", 1),
        point.format("tail", 0, "2.5,2.5", 1),
        point.format("tip", 0, "9.5,9.5", 2),
    ]
    (record,) = read_records(save(*shapes, meta=meta))
    np.testing.assert_array_equal(record.keypoints.xy, [[[1, 1], [2, 2]], [[9, 9], [np.nan] * 2]])
    assert record.keypoints.visible[:, 0].tolist() == [False, True] and record.instance_ids == (1, 2)


def test_points_of_one_shape_are_in_the_order_of_the_skeleton(save):
    shape = '<points label="kite" source="manual" occluded="0" points="1.5,1.5;2.5,2.5" z_order="0"/>'
    (kps,) = read(save(shape))
    assert kps.skeleton.keypoints == ("tip", "tail")
    np.testing.assert_array_equal(kps.xy, [[[1, 1], [2, 2]]])
    assert read(save(shape, meta="<meta></meta>"))[0].skeleton.keypoints == ("1", "2")


def test_labels_of_different_skeletons_give_a_record_each(save):
    more = "<label><name>dot</name><parent>spot</parent></label></labels>"
    spot = '<skeleton label="spot"><points label="dot" outside="0" occluded="0" points="1,1"/></skeleton>'
    records = read_records(save(drawn(), spot, meta=META.replace("</labels>", more)))
    assert [(r.image, r.keypoints.skeleton.keypoints) for r in records] == [
        ("d/a.jpg", ("tip", "tail")),
        ("d/a.jpg", ("dot",)),
    ]


def test_tracks_become_frames_with_identities(save):
    meta = f"<meta><task>{LABELS}<original_size><width>64</width><height>48</height></original_size></task>"
    frame = """<skeleton frame="{}" outside="{}" occluded="0" keyframe="1" z_order="0">
      <points label="tip" outside="0" occluded="0" keyframe="1" points="{},1.5"></points></skeleton>"""
    track = '<track id="{}" label="kite" source="manual">{}{}</track>'
    one = track.format(0, frame.format(5, 0, 1.5), frame.format(6, 0, 2.5))
    two = track.format(4, frame.format(6, 0, 9.5), frame.format(7, 1, 9.5))
    records = read_records(save(one, two, meta=f"{meta}<source>clip.mp4</source></meta>", image=""))
    assert [(r.image, r.index, r.size) for r in records] == [
        ("clip.mp4", 5, (64, 48)),
        ("clip.mp4", 6, (64, 48)),
    ]
    assert [r.keypoints.track_ids.tolist() for r in records] == [[0], [0, 4]]
    np.testing.assert_array_equal(records[1].keypoints.xy[:, 0], [[2, 1], [9, 1]])


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (
            (drawn(group=1), drawn(group=1)),
            "image 1 .'d/a.jpg'.: group 1 has a keypoint or a box twice: group",
        ),
        (('<points label="kite" points="1,1;2,2;3,3"/>',), "a shape has 3 points, but the skeleton 2"),
        (('<points label="tip" points="1,1,1"/>',), "points are '1,1,1', expected x,y"),
        (('<points label="tip" points="NaN,1"/>',), r"'tip' is at .nan, 0.5., expected finite numbers"),
        (('<box label="cat" xtl="1"/>',), "image 1 .'d/a.jpg'. lacks 'ytl'"),
    ],
)
def test_what_is_ambiguous_or_damaged_is_refused_with_its_image(shapes, reason, save):
    with pytest.raises(UnreadableError, match=reason):
        read(save(*shapes))


@pytest.mark.parametrize(
    ("text", "reason"), [("<a", "is not XML, or damaged: .*line 1"), ("<a/>", "is XML of 'a'")]
)
def test_what_is_not_cvats_is_refused(text, reason, tmp_path):
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(UnreadableError, match=reason):
        read_cvat(tmp_path / "x.xml")


def test_other_shapes_are_left_out_and_counted(save, caplog):
    read(save('<polygon label="cat" points="0,0;1,0;1,1"/>', '<tag label="good"/>'))
    assert "left out: 1 x polygon" in caplog.text


def test_a_box_has_a_label_of_its_own_since_skeletons_have_none(tmp_path):
    kite = Skeleton("kite", ("tip", "tail"), (("tip", "tail"),))
    xy = np.array([[[1.25, 2], [np.nan, np.nan]]])
    kps = Keypoints(xy, [[1, 0]], kite, boxes=[[0, 0, 9, 9]], labels=np.array(["cat"]))
    write_cvat(tmp_path / "x.xml", [Record(kps, "a.jpg", (64, 48), id=9)])
    root = ET.parse(tmp_path / "x.xml").getroot()
    kinds = {label.findtext("name"): label.findtext("type") for label in root.iter("label")}
    assert kinds == {"cat": "skeleton", "tip": "points", "tail": "points", "cat box": "rectangle"}
    image = root.find("image")
    assert image.attrib == {"id": "9", "name": "a.jpg", "width": "64", "height": "48"}
    assert [p.get("points") for p in image.iter("points")] == ["1.75,2.5", "0.0,0.0"]
    assert [p.get("outside") for p in image.iter("points")] == ["0", "1"]
    assert image.find("box").get("label") == "cat box"
    assert image.find("box").get("group_id") == image.find("skeleton").get("group_id")
    assert read(tmp_path / "x.xml")[0].skeleton == Skeleton("cat", ("tip", "tail"), kite.edges)


def test_an_image_without_a_size_is_refused(tmp_path):
    kps = Keypoints(np.ones((1, 1, 2)), np.ones((1, 1)), Skeleton("dot", ("dot",)))
    with pytest.raises(ValueError, match=r"image 'a.jpg' has no size, and CVAT XML states it"):
        write_cvat(tmp_path / "x.xml", [Record(kps, "a.jpg")])
