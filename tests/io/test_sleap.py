"""Projects of SLEAP, as sleap-io makes them."""

import sys

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records, write
from pinpoint.io.records import Record
from pinpoint.io.sleap import read_sleap, write_sleap
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

FLY = Skeleton("fly", ("head", "left", "right"), (("head", "left"),), (("left", "right"),))
XY = np.array([[1.5, 2], [np.nan, np.nan], [3, 4]])


@pytest.fixture
def sleap_io():
    return pytest.importorskip("sleap_io")


@pytest.fixture
def project(sleap_io, tmp_path):
    """Frame 3 has labels over a prediction, frame 7 a prediction alone."""
    kind = sleap_io.Skeleton(["head", "left", "right"], [("head", "left")], [("left", "right")], name="fly")
    video = sleap_io.Video(
        filename="clip.mp4",
        open_backend=False,
        backend_metadata={"type": "MediaVideo", "shape": (10, 48, 64, 3)},
    )
    track = sleap_io.Track("a")
    scores = np.array([0.5, 0, 0.75])
    label = sleap_io.Instance.from_numpy(XY, skeleton=kind, track=track)
    found = [
        sleap_io.PredictedInstance.from_numpy(XY + n, skeleton=kind, point_scores=scores, score=0.25)
        for n in (1, 2)
    ]
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=3, instances=[label, found[0]]),
        sleap_io.LabeledFrame(video=video, frame_idx=7, instances=[found[1]]),
    ]
    sleap_io.save_slp(sleap_io.Labels(frames), str(tmp_path / "x.slp"), embed=False)
    return tmp_path / "x.slp"


def test_labels_come_before_predictions(project):
    one, two = read_records(project)
    assert [(r.image, r.index, r.size) for r in (one, two)] == [("clip.mp4", n, (64, 48)) for n in (3, 7)]
    np.testing.assert_array_equal(one.keypoints.xy, XY[None])
    np.testing.assert_array_equal(two.keypoints.xy, XY[None] + 2)
    assert one.keypoints.scores.tolist() == [[1, 0, 1]] and two.keypoints.scores.tolist() == [[0.5, 0, 0.75]]
    assert one.keypoints.box_scores is None and two.keypoints.box_scores.tolist() == [0.25]
    assert one.keypoints.track_ids.tolist() == [0] and two.keypoints.track_ids is None
    assert one.keypoints.skeleton == FLY


def test_another_skeleton_has_to_have_the_names(project):
    with pytest.raises(UnreadableError, match=r"keypoints \['head', 'left', 'right'\] are none of"):
        read_sleap(project, Skeleton("dot", ("dot",)))


def test_sleap_io_reads_what_is_written(sleap_io, tmp_path):
    labels = Keypoints(XY[None], [[1, 0, 1]], FLY, track_ids=[2])
    found = Keypoints(XY[None] + 1, [[0.5, 0, 0.5]], FLY)
    write_sleap(tmp_path / "x.slp", [Record(labels, "a.png"), Record(found, "b.png", index=1)])
    written = sleap_io.load_slp(str(tmp_path / "x.slp"), open_videos=False)
    assert written.videos[0].filename == ["a.png", "b.png"]
    assert [type(frame.instances[0]).__name__ for frame in written] == ["Instance", "PredictedInstance"]
    np.testing.assert_array_equal(written[0].instances[0].numpy(), XY)
    assert written[0].instances[0].track.name == "2"
    assert written.skeletons[0].edge_names == [("head", "left")]


def test_a_damaged_file_is_unreadable(project):
    project.write_bytes(project.read_bytes()[:500])
    with pytest.raises(UnreadableError, match=r"is damaged or no \.slp file"):
        read_records(project)


def test_without_sleap_io_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    (tmp_path / "x.slp").write_bytes(b"x")
    with pytest.raises(ImportError, match="pip install sleap-io"):
        read_records(tmp_path / "x.slp")
    with pytest.raises(ImportError, match="pip install sleap-io"):
        write(tmp_path / "y.slp", [])
