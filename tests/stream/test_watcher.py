"""Following one stream: the detector rests, ids stay, readings come from where people are."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.io.video import Frame
from pinpoint.pipelines.following import CropFollower, EveryFrame, all_of_them
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.watcher import Watcher
from spots import ARROW, boxed, lit, spot, spot_network

BLACK = np.zeros((150, 200, 3), np.uint8)
RARE = Pauses(after_loss=0.1, after_motion=0.3, shortest=5.0, longest=5.0)


class Detector:
    """Finds the one light of a picture, and counts how often it looks."""

    def __init__(self):
        self.looks = 0

    def __call__(self, image, boxes=None):
        self.looks += 1
        ((x, y),) = spot(image[None])
        return boxed() if np.isnan(x) else boxed([x - 20, y - 20, x + 20, y + 20])


def around_points(kps, _image):
    """Keep who stands in a light, in a box of 40 pixels around the tip."""
    kps = kps[kps.scores.mean(axis=1) > 0]
    return type(kps)(
        kps.xy,
        kps.scores,
        ARROW,
        boxes=np.concatenate([kps.xy[:, 0] - 20, kps.xy[:, 0] + 20], axis=1),
        box_scores=kps.scores[:, 0],
        track_ids=kps.track_ids,
    )


def watching(detector, **options):
    options = {"pauses": RARE, **options}
    region = BoxRegion(scale=1.5)
    network = spot_network()
    return Watcher(
        CropFollower(detector, network, region, region, around_points, all_of_them, ARROW), **options
    )


def film(*images, fps=30.0):
    return [Frame(image, index, index / fps) for index, image in enumerate(images)]


def walk(count, step=3):
    return film(*(lit(30 + step * t, 70) for t in range(count)))


def test_one_look_is_enough_for_whoever_walks():
    detector = Detector()
    watch = watching(detector)
    *_, last = (watch(frame) for frame in walk(40))
    assert detector.looks == watch.looks == 1
    np.testing.assert_allclose(last.xy[0, 0], [30 + 3 * 39, 70], atol=0.2)


def test_ids_stay():
    watch = watching(Detector())
    ids = [one.track_ids.tolist() for one in map(watch, walk(20))]
    assert ids[2:] == [[1]] * 18


def test_it_looks_again_for_whoever_is_lost():
    """The light goes out for three frames and comes back where it was, so that no motion asks for a look."""
    frames = film(*[lit(50, 70)] * 5, *[BLACK] * 3, *[lit(50, 70)] * 8)
    watch = watching(Detector())
    seen = [watch(frame) for frame in frames]
    assert [len(one) for one in seen[5:8]] == [0, 0, 0]
    np.testing.assert_allclose(seen[-1].xy[0, 0], [50, 70], atol=0.2)
    assert 1 < watch.looks < 8


def test_somebody_new_makes_it_look_again_soon():
    """Without news it would rest for twice as long, so not look within a quarter of a second."""
    watch = watching(Detector(), pauses=Pauses(shortest=0.2, longest=5.0))
    for frame in film(*[lit(50, 70)] * 8):
        watch(frame)
    assert watch.looks == 2


def as_bright(kps, image):
    """Score instances by how bright it is at their tip."""
    x, y = np.nan_to_num(kps.xy[:, 0]).astype(int).T
    return replace(around_points(kps, image), box_scores=image[y, x, 0] / 255)


def test_who_is_too_unsure_to_be_followed_is_looked_for_again():
    """The second light is faint at first, and then nothing but the light itself changes."""
    faint, clear = (lit(40, 40) + lit(150, 100) // part for part in (4, 1))
    region = BoxRegion(scale=1.5)
    both = boxed([20, 20, 60, 60], [130, 80, 170, 120])
    follower = CropFollower(
        lambda _: both, spot_network(), region, region, as_bright, all_of_them, ARROW, sure=0.5
    )
    watch = Watcher(follower, pauses=RARE)
    seen = [len(watch(frame)) for frame in film(*[faint] * 12, *[clear] * 4)]
    assert seen == [1] * 13 + [2] * 3


def test_without_pauses_it_looks_at_every_frame():
    detector = Detector()
    watch = watching(detector, pauses=None)
    assert len([watch(frame) for frame in walk(7)]) == detector.looks == 7


def test_what_cannot_be_taken_apart_looks_at_every_frame():
    detector = Detector()

    def estimate(image, boxes=None):
        return around_points(spot_network()(image, detector(image), BoxRegion()), image)

    watch = Watcher(EveryFrame(estimate, ARROW), pauses=RARE)
    seen = [watch(frame) for frame in walk(6)]
    assert detector.looks == 6
    assert seen[-1].track_ids.tolist() == [1]


def test_a_stream_of_nobody_gives_nobody():
    watch = watching(Detector())
    assert [len(watch(frame)) for frame in film(*[BLACK] * 4)] == [0] * 4


def test_what_is_seen_is_steadied():
    watch = watching(Detector(), smooth=lambda kps, seconds: kps[:0])
    assert [len(watch(frame)) for frame in walk(4)] == [0] * 4


@pytest.mark.parametrize("image", [BLACK[..., 0], BLACK.astype(np.float32), BLACK[:0]])
def test_a_picture_of_another_form_is_refused(image):
    with pytest.raises(ValueError, match="expected an RGB picture"):
        watching(Detector())(Frame(image, 0, 0.0))
