"""What `--sigmas` means."""

from pathlib import Path

import numpy as np
import pytest

from pinpoint.cli.evaluating.falloffs import ESTIMATE, chosen_sigmas
from pinpoint.cli.evaluating.labels import Labels
from pinpoint.cli.evaluating.runs import Run
from pinpoint.evaluation.pictures import Judged
from pinpoint.evaluation.sigmas import SIGMA
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

OWN = Skeleton("own", ("nose", "tip"))
NOTHING = np.zeros((0, 4))


def labelled(rng, n=200):
    """Pictures with one instance of 100 x 100 pixels, and the same with points that are a bit off."""
    xy = rng.random((n, 1, 2, 2)) * 100
    again = xy + rng.normal(size=xy.shape) * [[2], [6]]
    boxes, areas = np.array([[0, 0, 100, 100.0]]), np.array([1e4])
    ones = np.ones((1, 2))
    truths = [Keypoints(one, ones, OWN, boxes=boxes, areas=areas) for one in xy]
    labels = [
        Labels(f"{number}.png", number, Path(f"{number}.png"), None, truth, NOTHING)
        for number, truth in enumerate(truths)
    ]
    found = [Keypoints(one, ones, OWN) for one in again]
    return labels, Run(
        "net", "file", [Judged(t, NOTHING, f) for t, f in zip(truths, found, strict=True)], OWN
    )


def chosen(asked, labels, run):
    return chosen_sigmas(None if asked is None else str(asked), labels, [run], Path("gt.json"))


def test_nothing_takes_names_and_says_so(rng):
    sigmas = chosen(None, *labelled(rng))
    np.testing.assert_array_equal(sigmas.values, [0.026, SIGMA])
    assert sigmas.words == "those of coco17 by name for nose, 0.05 for 1 that nobody published one for"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[0.01, 0.02]"),
        ("a.json", '{"tip": 0.02, "nose": 0.01}'),
        ("a.json", '{"name": "x", "keypoints": ["tip", "nose"], "sigmas": [0.02, 0.01]}'),
        ("a.toml", 'name = "x"\nkeypoints = ["nose", "tip"]\nsigmas = [0.01, 0.02]'),
    ],
)
def test_a_file_of_numbers_is_taken(rng, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    sigmas = chosen(path, *labelled(rng, 2))
    np.testing.assert_array_equal(sigmas.values, [0.01, 0.02])
    assert sigmas.words.startswith(f"those of {path}") and sigmas.custom


def test_another_labelling_of_the_same_pictures_is_the_definition(rng, tmp_path):
    """Two labels that differ by d say that each is d / sqrt(2) from the truth."""
    labels, run = labelled(rng, 2000)
    write(
        tmp_path / "again.jsonl",
        [Record(j.found, one.name) for one, j in zip(labels, run.judged, strict=True)],
    )
    sigmas = chosen(tmp_path / "again.jsonl", labels, run)
    np.testing.assert_allclose(sigmas.values, [0.02, 0.06], rtol=0.05)  # 2 * 2**2 / 2 = .02**2 * 1e4
    assert sigmas.words.startswith("estimated from 2 labellings (gt.json and ")


def test_estimate_takes_the_errors_of_the_first_run_and_warns_of_it(rng):
    sigmas = chosen(ESTIMATE, *labelled(rng, 2000))
    np.testing.assert_allclose(sigmas.values, np.sqrt(2) * np.array([0.02, 0.06]), rtol=0.06)
    assert "from net on these very pictures" in sigmas.words


def test_the_name_of_a_skeleton_takes_its_own(rng):
    assert chosen("openpose18", *labelled(rng, 2)).words.startswith("those of openpose18 by name for nose")


@pytest.mark.parametrize(
    ("text", "words"),
    [("[0.1]", "1 sigmas, but"), ('{"nose": 0.1, "foot": 1}', r"\['foot'\]"), ('{"nose": 0}', "above 0")],
)
def test_numbers_that_do_not_fit_are_refused(rng, tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        chosen(tmp_path / "a.json", *labelled(rng, 2))


def test_damaged_files_and_unknown_names_are_refused(rng, tmp_path):
    (tmp_path / "a.json").write_text("[0.1")
    with pytest.raises(UnreadableError, match="damaged"):
        chosen(tmp_path / "a.json", *labelled(rng, 2))
    with pytest.raises(
        ValueError, match=r"neither a file, nor estimate, nor a skeleton with sigmas: .*coco17"
    ):
        chosen("coco18", *labelled(rng, 2))
