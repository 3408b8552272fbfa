import json
import logging

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records, write
from pinpoint.io.openpose import OpenPoseWriter, read_openpose
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import skeleton


def kps(name: str, n: int = 2, **more) -> Keypoints:
    rng = np.random.default_rng(1)
    k = len(skeleton(name))
    xy = rng.integers(1, 500, (n, k, 2)).astype(float)
    xy[:, 3] = np.nan
    return Keypoints(xy, np.where(np.isnan(xy[..., 0]), 0, 0.5), skeleton(name), **more)


def document(folder, name):
    return json.loads((folder / f"{name}_keypoints.json").read_text())


@pytest.mark.parametrize("name", ["body25", "coco_wholebody133", "openpose18"])
def test_reading_inverts_writing(name, tmp_path):
    pose = "openpose18" if name == "openpose18" else "body25"
    truth = kps(name, track_ids=[4, -1])
    with OpenPoseWriter(tmp_path, pose=pose) as writer:
        writer.write(Record(truth, "a.jpg"))
    (again,) = read_openpose(tmp_path)
    assert (again.image, again.keypoints.skeleton.name) == ("a", name)
    for field in ("xy", "scores", "track_ids"):
        np.testing.assert_array_equal(getattr(again.keypoints, field), getattr(truth, field))


@pytest.mark.parametrize("pose", ["body25", "openpose18"])
def test_bodies_are_converted_by_name(pose, tmp_path):
    truth = kps("coco17")
    with OpenPoseWriter(tmp_path, pose=pose) as writer:
        writer.write(Record(truth, "a.jpg"))
    np.testing.assert_array_equal(read_openpose(tmp_path)[0].keypoints.xy, convert(truth, pose).xy)


def test_the_lists_are_those_of_version_1_3(tmp_path):
    """Key names, their order of points and zeros for what is missing: OpenPose's "Output format"."""
    write(tmp_path, [Record(kps("coco_wholebody133", n=1), "dir/a.jpg")], format="openpose")
    written = document(tmp_path, "a")
    (person,) = written["people"]
    lengths = {key: len(value) for key, value in person.items()}
    assert written["version"] == 1.3
    assert lengths == {
        "person_id": 1,
        "pose_keypoints_2d": 75,
        "face_keypoints_2d": 210,
        "hand_left_keypoints_2d": 63,
        "hand_right_keypoints_2d": 63,
        "pose_keypoints_3d": 0,
        "face_keypoints_3d": 0,
        "hand_left_keypoints_3d": 0,
        "hand_right_keypoints_3d": 0,
    }
    assert person["pose_keypoints_2d"][18 * 3 :][:3] == [0, 0, 0]  # the left ear, missing


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_labelled_hand_goes_to_its_side(side, tmp_path, caplog):
    hand = kps("hand21", n=1, labels=[side])
    write(tmp_path, [Record(hand, "a.jpg")], format="openpose")
    whole = read_openpose(tmp_path)[0].keypoints
    np.testing.assert_array_equal(whole.xy[:, whole.skeleton.part_index(f"{side}_hand")], hand.xy)
    assert np.isfinite(whole.xy).all(axis=2).sum() == 20
    assert not caplog.records


def test_a_hand_of_no_side_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected 'left' or 'right'"):
        write(tmp_path, kps("hand21"), format="openpose")


def test_a_face_goes_to_the_face(tmp_path):
    write(tmp_path, [Record(kps("face68", n=1), "a.jpg")], format="openpose")
    assert document(tmp_path, "a")["people"][0]["pose_keypoints_2d"] == []
    assert convert(read(tmp_path)[0], "face68").xy[0, :3].tolist() == kps("face68", n=1).xy[0, :3].tolist()


def test_keypoints_that_openpose_lacks_are_named(tmp_path, caplog):
    write(tmp_path, kps("blazepose33"), format="openpose")
    assert "cannot hold left_eye_inner" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_is_no_body_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot convert 'box' to 'body25'"):
        write(tmp_path, Keypoints.empty(skeleton("box")), format="openpose")


def test_frames_are_numbered_and_images_of_one_name_kept_apart(tmp_path):
    with OpenPoseWriter(tmp_path / "deep" / "out") as writer:
        writer.write(Record(kps("body25"), "clip.mp4", index=12, seconds=0.4))
        writer.write(Record(kps("body25"), "x/a.jpg"))
        writer.write(Record(kps("body25"), "y/a.jpg"))
        writer.write(Record(kps("body25"), index=3))
    assert sorted(file.name for file in (tmp_path / "deep" / "out").iterdir()) == [
        "000000000003_keypoints.json",
        "a-2_keypoints.json",
        "a_keypoints.json",
        "clip_000000000012_keypoints.json",
    ]


def test_an_image_without_people_has_the_skeleton_of_the_others(tmp_path):
    write(tmp_path, [Record(kps("coco_wholebody133", n=n), f"{n}.jpg") for n in (0, 2)], format="openpose")
    assert [(r.image, r.keypoints.xy.shape) for r in read_records(tmp_path)] == [
        ("0", (0, 133, 2)),
        ("2", (2, 133, 2)),
    ]


def test_a_body_of_other_points_needs_its_skeleton(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": [1, 2, 0.5] * 14}]}))
    with pytest.raises(UnreadableError, match=r"has 14 points.*say which with skeleton="):
        read(tmp_path / "a.json")
    assert read(tmp_path / "a.json", skeleton("lsp14"))[0].xy[0, 13].tolist() == [1, 2]


@pytest.mark.parametrize("count", [20, 22])
def test_a_hand_of_other_points_is_unreadable(count, tmp_path):
    (tmp_path / "a.json").write_text(
        json.dumps({"people": [{"hand_left_keypoints_2d": [1, 2, 0.5] * count}]})
    )
    with pytest.raises(UnreadableError, match=f"left_hand has {count} points, expected 21"):
        read(tmp_path)


def test_a_folder_without_files_is_unreadable(tmp_path):
    with pytest.raises(UnreadableError, match=r"holds no \.json files"):
        read(tmp_path)


def test_a_folder_named_like_a_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="name a folder, not"):
        write(tmp_path / "a.json", kps("body25"), format="openpose")
