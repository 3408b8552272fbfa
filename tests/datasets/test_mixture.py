"""Several data sets as one: every point under its name, every source in its share, whoever asks."""

import hashlib
import multiprocessing
import pickle
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from datasets.conftest import ARROW, LEFT, RIGHT, TIP, LabelledSet, annotation, category
from pinpoint.datasets import (
    Augmentation,
    Crops,
    Dataset,
    Mixture,
    WholePictures,
    open_dataset,
    samples_of,
    union,
)
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

DART = Skeleton("dart", ("tip", "tail"), (("tip", "tail"),))
FULL = Augmentation(hue=10, saturation=0.2, jpeg=0.5, dropout=0.5, background=0.5)


def test_a_union_has_every_name_once_in_the_order_of_first_mention():
    both = union("both", [DART, ARROW])
    assert both.keypoints == ("tip", "tail", "left_barb", "right_barb")
    assert both.edges == DART.edges and both.swaps == ARROW.swaps and both.sigmas is None


@pytest.mark.parametrize("name", skeleton_names())
def test_a_union_with_itself_is_the_skeleton(name):
    one = skeleton(name)
    assert union(name, [one, one]) == one


def test_a_union_of_bodies_and_a_face_pairs_what_each_of_them_pairs():
    parts = [skeleton(name) for name in ("coco17", "mpii16", "lsp14", "face68")]
    whole = union("people", parts)
    assert len(whole) == len({point for part in parts for point in part.keypoints})
    for part in parts:
        mirrored = [part.keypoints[column] for column in part.flip_index]
        assert [whole.keypoints[whole.flip_index[whole.index(point)]] for point in part.keypoints] == mirrored


def test_a_union_has_sigmas_where_each_point_has_one():
    first = Skeleton("first", ("a", "b"), sigmas=(0.1, 0.2))
    second = Skeleton("second", ("b", "c"), sigmas=(0.3, 0.4))
    assert union("both", [first, second]).sigmas == (0.1, 0.2, 0.4)
    assert union("both", [first, Skeleton("third", ("c",))]).sigmas is None


def test_skeletons_that_contradict_each_other_have_no_union():
    pairs = ((("a", "b"),), (("a", "c"),))
    with pytest.raises(ValueError, match="'a' is given twice"):
        union("both", [Skeleton("x", ("a", "b", "c"), swaps=swaps) for swaps in pairs])


@pytest.fixture
def sources(tmp_path) -> list[Dataset]:
    """Six pictures of arrows and three of darts, opened in the skeleton that has both."""
    goal, opened = union("both", [ARROW, DART]), []
    for part, count in ((ARROW, 6), (DART, 3)):
        (tmp_path / part.name).mkdir()
        labelled = LabelledSet(tmp_path / part.name)
        labelled.categories = [category(1, part)]
        points = (TIP, LEFT, RIGHT)[: len(part)]
        for number in range(count):
            labelled.add(f"{number}.png")
        labelled.write(*(annotation(number + 1, points=points) for number in range(count)))
        opened.append(open_dataset(labelled.path, skeleton=goal, cache=labelled.cache))
    return opened


def kind(kps):
    """Which source a sample is of."""
    return "arrow" if np.isnan(kps.xy[0, kps.skeleton.index("tail")]).all() else "dart"


def test_each_source_fills_the_columns_of_its_names_and_leaves_the_others_missing(sources):
    for dataset, names in zip(sources, (ARROW.keypoints, DART.keypoints), strict=True):
        xy = dataset[0][1].xy[0]
        labelled = {dataset.skeleton.keypoints[column] for column in np.flatnonzero(np.isfinite(xy[:, 0]))}
        assert labelled == set(names)
    np.testing.assert_array_equal(sources[0][0][1].xy[0, 0], sources[1][0][1].xy[0, 0])  # both have a tip


@pytest.mark.parametrize(("weights", "counts"), [(None, (6, 3)), ((1, 2), (6, 6)), ((0.5, 1), (3, 3))])
def test_each_source_comes_in_its_share(weights, counts, sources):
    mixture = Mixture(sources, weights)
    kinds = Counter(kind(kps) for _, kps in mixture.epoch(0))
    assert (kinds["arrow"], kinds["dart"]) == counts and len(mixture) == sum(counts)


def test_an_epoch_is_a_sequence(sources):
    epoch = Mixture(sources, seed=2).epoch(1)
    assert len(epoch) == len(list(epoch)) == len(epoch[:]) == 9
    np.testing.assert_array_equal(epoch[-1][0], epoch[8][0])
    with pytest.raises(IndexError, match="sample 9 of an epoch of 9"):
        epoch[9]


def test_a_damaged_picture_is_named_and_the_epoch_goes_on(labelled, warned):
    for name in ("1.png", "2.png"):
        labelled.add(name)
    labelled.write(annotation(1), annotation(2))
    (labelled.folder / "2.png").write_bytes((labelled.folder / "2.png").read_bytes()[:4000])
    mixture = Mixture([Crops(samples_of(open_dataset(labelled.path)), (48, 48))])
    assert (len(mixture), len(list(mixture.epoch(0)))) == (2, 1)
    assert f"left out: {labelled.folder / '2.png'}: " in warned()


def test_another_epoch_is_another_order_of_the_same(sources):
    mixture = Mixture(sources)
    orders = [[digest(sample) for sample in mixture.epoch(number)] for number in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert len({frozenset(order) for order in orders}) == 1


def test_sources_of_other_keypoints_are_refused(sources, labelled):
    labelled.add()
    labelled.write(annotation())
    with pytest.raises(ValueError, match=r"keypoints of .*both.*, .*arrow.*: open them with one skeleton="):
        Mixture([sources[0], open_dataset(labelled.path)])


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3)])
def test_there_are_as_many_weights_as_sources(weights, sources):
    with pytest.raises(ValueError, match=f"there are {len(weights)} weights, expected 2"):
        Mixture(sources, weights)


@pytest.mark.parametrize("weights", [None, ()])
def test_no_source_at_all_is_refused(weights):
    with pytest.raises(ValueError, match="hold nothing"):
        Mixture([], weights)


def digest(sample):
    image, kps = sample
    return hashlib.sha256(image.tobytes() + kps.xy.tobytes() + kps.scores.tobytes()).hexdigest()


def augmented(sources):
    """Crops of one source, mosaics of the other, with everything that there is by chance."""
    arrows, darts = map(samples_of, sources)
    crops = Crops(arrows, (48, 48), augmentation=FULL, seed=3)
    whole = WholePictures(darts, (48, 48), augmentation=FULL, mosaic=0.5, seed=4)
    return Mixture([crops, whole], (1, 1.5), seed=5)


PLACES = [(index, epoch) for epoch in (0, 1, 7) for index in range(10)]


def digest_of(mixture, place):
    return digest(mixture.sample(*place))


@pytest.fixture
def known(sources):
    """What one thread gives, in order."""
    return {place: digest_of(augmented(sources), place) for place in PLACES}


def test_samples_are_the_same_in_any_order_and_asked_for_again(sources, known, rng):
    mixture = augmented(sources)
    for number in rng.permutation(np.repeat(np.arange(len(PLACES)), 2)):
        assert digest_of(mixture, PLACES[number]) == known[PLACES[number]]
    assert len(set(known.values())) == len(PLACES)


@pytest.mark.parametrize("workers", [1, 3])
def test_samples_are_the_same_from_threads(workers, sources, known):
    mixture = augmented(sources)
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda place: digest_of(mixture, place), PLACES)
        assert dict(zip(PLACES, found, strict=True)) == known


@pytest.mark.parametrize("workers", [1, 3])
def test_samples_are_the_same_from_processes(workers, sources, known):
    """Fresh ones, which are sent the mixture: what is mapped into memory, or remembered, is not."""
    mixture = augmented(sources)
    mixture.sample(0, 0)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = [(place, pool.submit(mixture.sample, *place)) for place in reversed(PLACES)]
        assert {place: digest(future.result(60)) for place, future in found} == known


AGAIN = """
import hashlib, pickle, sys
mixture, places = pickle.load(open(sys.argv[1], "rb"))
for place in places:
    image, kps = mixture.sample(*place)
    print(hashlib.sha256(image.tobytes() + kps.xy.tobytes() + kps.scores.tobytes()).hexdigest())
"""


def test_samples_are_the_same_in_another_run(sources, known, tmp_path, monkeypatch):
    """Whose strings hash to other numbers, and which has torch and its threads nowhere near."""
    (tmp_path / "mixture").write_bytes(pickle.dumps((augmented(sources), PLACES)))
    monkeypatch.setenv("PYTHONHASHSEED", "99")
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "mixture")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == list(known.values())


def test_a_mixture_is_sent_without_its_pictures(tmp_path, labelled):
    labelled.add(size=(400, 300))
    labelled.write(annotation())
    dataset = open_dataset(labelled.path, cache=labelled.cache)
    mixture = Mixture([Crops(samples_of(dataset), (48, 48)), Crops(samples_of(dataset), (64, 64))])
    mixture.sample(0, 0)
    assert len(pickle.dumps(mixture)) < 20_000 < 400 * 300 * 3


REAL = {  # file, its pictures, and one point that it labels and one that it does not
    "coco_person/val.json": ("coco17", "nose", "pelvis"),
    "samples/mpii/test_mpii.json": ("mpii16", "pelvis", "nose"),
    "samples/aic/test_aic.json": ("aic14", "head_top", "nose"),
    "samples/crowdpose/test_crowdpose.json": ("crowdpose14", "left_hip", "nose"),
    "samples/300w/test_300w.json": ("face68", "face-30", "left_hip"),
}


@pytest.mark.shared
def test_real_sets_of_five_skeletons_are_one(shared_data, tmp_path):
    goal = union("people", [skeleton(name) for name, _, _ in REAL.values()])
    opened = [open_dataset(shared_data / path, skeleton=goal) for path in REAL]
    for dataset, (name, has, lacks) in zip(opened, REAL.values(), strict=True):
        xy = np.concatenate([dataset.keypoints(index).xy for index in range(len(dataset))])
        labelled = np.asarray(np.isfinite(xy[..., 0]).any(axis=0))
        assert labelled[goal.index(has)] and not labelled[goal.index(lacks)]
        own = set(skeleton(name).keypoints)
        assert {goal.keypoints[column] for column in np.flatnonzero(labelled)} <= own
    mixture = Mixture(opened, (0.05, 1, 1, 1, 2))
    assert all(image.ndim == 3 and kps.skeleton == goal for image, kps in mixture.epoch(0))
