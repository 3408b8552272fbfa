"""dlib's predictors behind our estimators: a stand-in for dlib, and dlib itself where it is installed."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.pipelines.dlib_faces import DlibDetector, DlibFaces, load_dlib
from pinpoint.skeletons import Skeleton

PICTURE = np.zeros((100, 120, 3), np.uint8)
CORNERS = Skeleton("corners2", ("first", "last"))


class Rectangle:
    def __init__(self, left, top, right, bottom):
        self.corners = (left, top, right, bottom)
        self.left, self.top, self.right, self.bottom = (lambda value=value: value for value in self.corners)


class Predictor:
    """Says the two corners of the box, and then middles of it, as often as it takes."""

    def __init__(self, points):
        self.points = points

    def __call__(self, image, box):
        left, top, right, bottom = box.corners
        middle = ((left + right) // 2, (top + bottom) // 2)
        xy = [(left, top), (right, bottom), *[middle] * self.points][: self.points]
        parts = [SimpleNamespace(x=x, y=y) for x, y in xy]
        return SimpleNamespace(parts=lambda: parts, num_parts=len(parts))


@pytest.fixture
def fake_dlib(monkeypatch, tmp_path):
    """A module of dlib's name, whose predictors have as many points as the file has bytes."""

    def shape_predictor(path):
        size = Path(path).stat().st_size
        if not size:
            raise RuntimeError("Unexpected version found")
        return Predictor(size)

    found = [Rectangle(10, 20, 49, 59)], [0.0], [0]
    fake = SimpleNamespace(
        shape_predictor=shape_predictor,
        rectangle=Rectangle,
        get_frontal_face_detector=lambda: SimpleNamespace(run=lambda image, doublings, least: found),
    )
    monkeypatch.setitem(sys.modules, "dlib", fake)


@pytest.fixture
def file(tmp_path):
    def written(size):
        path = tmp_path / "faces.dat"
        path.write_bytes(b"x" * size)
        return path

    return written


def test_each_given_box_has_its_row(fake_dlib, file):
    faces = load_dlib(file(2), columns=CORNERS)
    kps = faces(PICTURE, [[10.4, 20, 50, 60], [300, 300, 320, 320], [0, 0, 9.6, 9]])
    assert kps.xy[[0, 2]].tolist() == [[[10, 20], [50, 60]], [[0, 0], [10, 9]]]
    assert np.isnan(kps.xy[1]).all() and kps.scores.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_dlibs_own_detector_finds_the_faces(fake_dlib, file):
    kps = load_dlib(file(68))(PICTURE)
    assert kps.skeleton == pp.skeleton("face68")
    assert kps.boxes.tolist() == [[10, 20, 49, 59]]
    assert kps.box_scores.tolist() == [0.5]  # a sigmoid of 0


def test_another_detector_may_find_them(fake_dlib, file):
    def nobody(image, boxes=None):
        return pp.Keypoints.empty(pp.skeleton("box"))

    assert len(load_dlib(file(68), detector=nobody)(PICTURE)) == 0


def test_load_takes_a_dat_file(fake_dlib, file):
    assert isinstance(pp.load(file(68)), DlibFaces)
    with pytest.raises(ValueError, match="read by dlib, which takes no second look"):
        pp.load(file(68), looks=2)


def test_load_may_be_given_the_detector_of_a_dat_file(fake_dlib, file):
    loaded = pp.load(file(68), detector=DlibDetector(None))
    assert loaded.detector == DlibDetector(None)


def test_without_dlib_the_error_says_how_to_get_it(monkeypatch, file):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"faces\.dat is read by dlib, .*pip install dlib-bin"):
        load_dlib(file(68))


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "is no shape predictor of dlib: Unexpected"), (5, "finds 5 points, face68 has 68")],
)
def test_a_file_of_another_kind_is_refused(size, message, fake_dlib, file):
    with pytest.raises(ValueError, match=message):
        load_dlib(file(size))


def test_a_dat_file_that_is_not_there_is_named(fake_dlib, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.dat"):
        load_dlib(tmp_path / "gone.dat")


def test_dlib_itself_reads_what_its_own_trainer_wrote(tmp_path):
    """A bright square in noise, its two corners; the detector is not asked."""
    dlib = pytest.importorskip("dlib")
    rng = np.random.default_rng(0)
    pictures, labels, corners = [], [], rng.integers(12, 24, (40, 2))
    for x, y in corners.tolist():
        picture = rng.integers(0, 60, (64, 64)).astype(np.uint8)
        picture[y : y + 24, x : x + 24] = 250
        points = [dlib.point(x, y), dlib.point(x + 23, y + 23)]
        labels.append([dlib.full_object_detection(dlib.rectangle(12, 12, 48, 48), points)])
        pictures.append(picture)
    options = dlib.shape_predictor_training_options()
    options.num_threads, options.cascade_depth, options.num_trees_per_cascade_level = 1, 4, 40
    dlib.train_shape_predictor(pictures, labels, options).save(str(tmp_path / "square.dat"))
    faces = load_dlib(tmp_path / "square.dat", columns=CORNERS)
    found = [faces(np.dstack([picture] * 3), [[12, 12, 48, 48]]).xy[0] for picture in pictures]
    truth = np.stack([corners, corners + 23], axis=1)
    assert np.linalg.norm(np.array(found) - truth, axis=2).mean() < 1.5
