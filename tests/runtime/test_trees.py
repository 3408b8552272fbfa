"""Files of trees, and the session that runs them."""

import io
import zipfile

import numpy as np
import pytest

from grown_trees import forest_by_chance
from pinpoint.runtime import open_session
from pinpoint.runtime.forest import grey
from pinpoint.runtime.trees import PARTS, TreesSession, read_forest, write_forest


@pytest.fixture
def forest(rng):
    return forest_by_chance(rng)


@pytest.fixture
def path(forest, tmp_path):
    write_forest(tmp_path / "trees.npz", forest, {"pinpoint": "{}"})
    return tmp_path / "trees.npz"


@pytest.fixture
def pictures(rng):
    return rng.integers(0, 256, (5, 40, 32, 3)).astype(np.uint8)


def test_a_file_gives_back_every_number(path, forest):
    read = read_forest(path)
    assert read.size == forest.size
    np.testing.assert_array_equal(read.mean, forest.mean)
    for one, other in zip(read.levels, forest.levels, strict=True):
        for part in PARTS:
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_a_session_says_what_the_forest_says_in_shares_of_its_input(path, forest, pictures):
    (points,) = open_session(path).run(pictures)
    expected = forest(np.stack([grey(picture) for picture in pictures])) / (32, 40)
    np.testing.assert_allclose(points, expected, atol=1e-5)


def test_a_session_tells_its_input_and_its_output(path):
    session = open_session(path)
    assert session.input == ("pictures", (None, 40, 32, 3), np.uint8)
    assert session.outputs == (("points", (None, 5, 2), np.float32),)


def test_the_content_of_a_file_does_as_well_as_its_path(path, pictures):
    by_path, by_content = (TreesSession(model).run(pictures)[0] for model in (path, path.read_bytes()))
    np.testing.assert_array_equal(by_path, by_content)


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (np.zeros((1, 40, 32, 3), np.float32), TypeError),
        (np.zeros((1, 32, 40, 3), np.uint8), ValueError),
        (np.zeros((0, 40, 32, 3), np.uint8), ValueError),
    ],
)
def test_a_batch_of_another_form_is_refused(batch, error, path):
    with pytest.raises(error, match="batch"):
        open_session(path).run(batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": ("scores",)}, "no output 'scores'; .*trees.npz has points"),
        ({"providers": ("cuda", "cpu")}, "trees run on the CPU, not on cuda"),
        ({"threads": -1}, "threads"),
    ],
)
def test_what_trees_cannot_do_is_refused(options, message, path):
    with pytest.raises(ValueError, match=message):
        open_session(path, **options)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        open_session(tmp_path / "gone.npz")


def changed(path, **arrays):
    """The file with some arrays replaced, or left out where they are none."""
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored} | arrays
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **{name: a for name, a in kept.items() if a is not None})
    return content.getvalue()


DAMAGED = {
    "is empty": lambda path: b"",
    "not a zip file": lambda path: b"these are no trees",
    "zip": lambda path: path.read_bytes()[:2000],
    "lacks mean": lambda path: changed(path, mean=None),
    "lacks leaves-0": lambda path: changed(path, **{"leaves-0": None}),
    "pairs-2": lambda path: changed(path, **{"pairs-2": None}),
    "below 20": lambda path: changed(path, **{"pairs-1": np.full((5, 7, 2), 20)}),
    "size is": lambda path: changed(path, size=np.array([1.5, 2])),
    "size is .* expected width": lambda path: changed(path, size=np.array([0, 2])),
    "Object arrays": lambda path: changed(path, mean=np.array([[{}, 1]] * 5, dtype=object)),
    "ufunc|string|numbers": lambda path: changed(path, mean=np.full((5, 2), "x")),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_a_damaged_file_is_refused_in_words(message, path):
    content = DAMAGED[message](path)
    with pytest.raises(ValueError, match=message):
        read_forest(content)


def test_a_flipped_byte_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(ValueError, match="no regression trees that can be read"):
        read_forest(bytes(content))


def test_a_file_that_says_to_unpack_to_more_than_memory_holds_is_not_unpacked(path, monkeypatch):
    monkeypatch.setattr("pinpoint.runtime.trees.MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="expected 1000 at most"):
        read_forest(path)


def test_files_are_plain_arrays_without_pickles(path):
    with zipfile.ZipFile(path) as archive:
        assert all(entry.filename.endswith(".npy") for entry in archive.infolist())
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "iufU" for name in stored)


def test_what_is_said_of_a_forest_may_not_hide_one_of_its_arrays(forest, tmp_path):
    with pytest.raises(ValueError, match="'mean', which is an array"):
        write_forest(tmp_path / "trees.npz", forest, {"mean": "low"})
