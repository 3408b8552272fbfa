"""The trees in the package: their file, their row, and what the row says of real faces."""

import json
from dataclasses import replace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.hub import add, find, spec_of_file
from pinpoint.hub.cache import path_of
from pinpoint.runtime.trees import read_forest

FACES = 40


def test_the_file_says_what_its_row_says():
    row = find("face-trees")
    assert spec_of_file(path_of(row.files[0])) == replace(row, files=())


def test_the_mean_face_is_its_own_mirror_image_and_fills_the_middle_of_the_input():
    mean, columns = read_forest(path_of(find("face-trees").files[0])).mean, pp.skeleton("face68")
    np.testing.assert_allclose(mean[columns.flip_index] * (-1, 1) + (127, 0), mean, atol=0.01)
    assert np.ptp(mean, axis=0).max() * find("face-trees").box_scale == pytest.approx(128, rel=0.05)


def test_the_card_tells_the_terms_of_what_was_learnt_from():
    row = find("face-trees")
    assert "non-commercial" in row.license and "non-commercial" in row.training_data


def not_asked(image, boxes=None):
    """Boxes are given; a detector of the catalogue would be fetched."""
    raise AssertionError


@pytest.mark.shared
def test_faces_are_read_as_well_as_the_card_says(shared_data):
    """Fewer faces than the card's figure is of: a tenth more is what chance makes of it."""
    estimate, errors = pp.load("face-trees", detector=not_asked), []
    document = json.loads((shared_data / "face68/test.json").read_text())
    names = {image["id"]: image["file_name"] for image in document["images"]}
    for label in document["annotations"][:FACES]:
        truth = np.reshape(label["keypoints"], (-1, 3))[:, :2]
        box = [*truth.min(axis=0), *truth.max(axis=0)]
        kps = estimate(pp.read_image(shared_data / "face68/test" / names[label["image_id"]]), [box])
        away = np.linalg.norm(kps.xy[0] - truth, axis=1).mean()
        errors.append(away / np.linalg.norm(truth[45] - truth[36]))
    figure = find("face-trees").metrics["LFPW test NME, true boxes"]
    assert np.mean(errors) < 1.1 * figure


def test_trees_of_ones_own_are_added_by_what_they_say_of_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    mine = tmp_path / "mine.npz"
    mine.write_bytes(path_of(find("face-trees").files[0]).read_bytes())
    added = add(mine)
    assert (added.name, added.skeleton, added.files[0].name) == ("mine", pp.skeleton("face68"), "mine.npz")
    assert find("mine") == added


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 cut off", b""])
def test_an_archive_that_is_none_says_nothing_of_itself(content, tmp_path):
    path = tmp_path / "odd.npz"
    path.write_bytes(content)
    assert spec_of_file(path) is None


def test_arrays_of_another_kind_say_nothing_of_themselves(tmp_path):
    np.savez(tmp_path / "numbers.npz", numbers=np.arange(3))
    assert spec_of_file(tmp_path / "numbers.npz") is None
    with pytest.raises(ValueError, match=r"numbers\.npz does not say what it is"):
        pp.load(tmp_path / "numbers.npz")
