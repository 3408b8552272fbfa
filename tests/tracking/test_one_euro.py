"""The one-euro filter: against the published one, across instances, sizes, times and missing points."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.tracking.kalman_smoothing import KalmanSmoother
from pinpoint.tracking.lag import Smoother
from pinpoint.tracking.one_euro import OneEuro

FIVE = Skeleton("five", tuple("abcde"))
SMOOTHERS = (OneEuro, KalmanSmoother)
both = pytest.mark.parametrize("make", SMOOTHERS)


def _walk(rng: np.random.Generator, people: int = 2, frames: int = 40) -> list[Keypoints]:
    """People who walk to the right, a third of their height a second, seen with noise; all is set."""
    rest = rng.uniform(0, [50, 200], size=(people, 5, 2))
    boxes = np.tile([0.0, 0.0, 50.0, 200.0], (people, 1))
    clip = []
    for frame in range(frames):
        way = np.array([2.0 * frame, 0.0])
        clip.append(
            Keypoints(
                rest + way + rng.normal(0, 1, rest.shape),
                rng.uniform(0.3, 1, (people, 5)),
                FIVE,
                boxes=boxes + np.tile(way, 2) + rng.normal(0, 1, boxes.shape),
                track_ids=np.arange(people) + 3,
                xyz=np.concatenate([rest, rest[..., :1]], axis=2) / 100 + rng.normal(0, 0.01, (people, 5, 3)),
            )
        )
    return clip


def _smoothed(smooth: Smoother, clip: list[Keypoints], fps: float = 30.0) -> list[Keypoints]:
    return [smooth(kps, frame / fps) for frame, kps in enumerate(clip)]


def _stack(clip: list[Keypoints], field: str = "xy") -> np.ndarray:
    return np.stack([getattr(kps, field) for kps in clip])


def _tremble(points: np.ndarray) -> float:
    """Mean acceleration; in these worlds the true one is 0."""
    return float(np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean())


def test_without_its_additions_it_is_the_published_filter(rng):
    """One point along one axis, as algorithm 1 of the paper goes; velocity from what was seen."""
    xs = rng.normal(0, 5, 30).cumsum()
    seconds = rng.uniform(0.01, 0.1, 30).cumsum()
    smooth = OneEuro(min_cutoff=1.2, beta=3.0, d_cutoff=0.8, still=None, least_trust=1.0)
    box = np.array([[0.0, 0.0, 100.0, 50.0]])
    found = [
        smooth(Keypoints([[[x, 0.0]] * 5], [[0.1] * 5], FIVE, boxes=box), t).xy[0, 0, 0]
        for x, t in zip(xs, seconds, strict=True)
    ]
    np.testing.assert_allclose(found, _published(xs / 100, seconds, 1.2, 3.0, 0.8) * 100, rtol=1e-12)


def _published(xs: np.ndarray, seconds: np.ndarray, min_cutoff: float, beta: float, d_cutoff: float):
    def alpha(cutoff: float, period: float) -> float:
        return 1 / (1 + 1 / (2 * np.pi * cutoff) / period)

    said, speed = [xs[0]], 0.0
    for before, x, period in zip(xs, xs[1:], np.diff(seconds), strict=False):
        speed += alpha(d_cutoff, period) * ((x - before) / period - speed)
        part = alpha(min_cutoff + beta * abs(speed), period)
        said.append(part * x + (1 - part) * said[-1])
    return np.array(said)


@both
@pytest.mark.parametrize("field", ["xy", "boxes", "xyz"])
def test_what_walks_evenly_trembles_less(make, field, rng):
    clip = _walk(rng, frames=90)
    assert _tremble(_stack(_smoothed(make(), clip), field)) < 0.5 * _tremble(_stack(clip, field))


@both
def test_scores_and_everything_else_stay_as_they_are(make, rng):
    clip = _walk(rng, frames=3)
    for before, after in zip(clip, _smoothed(make(), clip), strict=True):
        for name in ("scores", "track_ids"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@both
@pytest.mark.parametrize("scale", [0.1, 7.0])
def test_someone_far_away_is_treated_like_someone_near(make, scale, rng):
    near = _walk(rng)
    far = [replace(kps, xy=kps.xy * scale, boxes=kps.boxes * scale) for kps in near]
    near, far = (_smoothed(make(), clip) for clip in (near, far))
    np.testing.assert_allclose(_stack(far), _stack(near) * scale, rtol=1e-9)


@both
def test_instances_are_smoothed_as_if_each_were_alone(make, rng):
    """In any order of the rows, and although one is away for two frames."""
    clip = [kps[[0]] if frame in (7, 8) else kps[[1, 0]] for frame, kps in enumerate(_walk(rng))]
    together, alone = make(), make()
    for frame, kps in enumerate(clip):
        mine = kps.track_ids == 4
        smooth = together(kps, frame / 30)[mine]
        if mine.any():
            np.testing.assert_allclose(smooth.xy, alone(kps[mine], frame / 30).xy, rtol=1e-12)


@both
def test_one_instance_needs_no_id(make, rng):
    clip = [kps[:1] for kps in _walk(rng)]
    unnamed = [replace(kps, track_ids=None) for kps in clip]
    np.testing.assert_array_equal(_stack(_smoothed(make(), unnamed)), _stack(_smoothed(make(), clip)))


@both
def test_several_instances_without_ids_are_refused(make, rng):
    with pytest.raises(ValueError, match="2 instances without track_ids"):
        make()(replace(_walk(rng)[0], track_ids=None), 0.0)


@both
def test_an_id_given_twice_is_refused(make, rng):
    with pytest.raises(ValueError, match=r"track ids \[5\]"):
        make()(replace(_walk(rng)[0], track_ids=np.array([5, 5])), 0.0)


@both
def test_rows_that_are_not_confirmed_pass_as_they_are(make, rng):
    clip = [replace(kps, track_ids=np.array([-1, 2])) for kps in _walk(rng)]
    smooth = _stack(_smoothed(make(), clip))
    np.testing.assert_array_equal(smooth[:, 0], _stack(clip)[:, 0])
    assert np.abs(smooth - _stack(clip))[1:, 1].min() > 0


@both
def test_a_missing_point_stays_missing_and_starts_anew(make, rng):
    clip = _walk(rng)
    clip[20].xy[0, 1] = np.nan
    clip[21].xy[0, 1] += 40.0
    smooth = _stack(_smoothed(make(), clip))
    assert np.isnan(smooth[20, 0, 1]).all()
    np.testing.assert_array_equal(smooth[21, 0, 1], clip[21].xy[0, 1])
    assert np.isfinite(np.delete(smooth.reshape(40, -1, 2), 1, axis=1)).all()


@both
@pytest.mark.parametrize(("away", "remembered"), [(0.3, True), (0.8, False)])
def test_an_instance_is_forgotten_after_a_time(make, away, remembered, rng):
    smooth, clip = make(), _walk(rng)
    for frame in range(30):
        smooth(clip[frame], frame / 30)
    back = replace(clip[30], xy=clip[30].xy + 5)
    same = np.array_equal(smooth(back, 29 / 30 + away).xy, back.xy)
    assert same is not remembered


@both
def test_half_the_frames_dropped_at_random_still_follow_the_same_course(make, rng):
    """Times are those of the frames, not their numbers: a walk is followed as well with gaps."""
    clip = [replace(kps, xy=kps.xy.round(0)) for kps in _walk(rng, frames=120)]
    kept = np.sort(rng.choice(np.arange(120), 60, replace=False))
    smooth = make()
    seen = np.stack([smooth(clip[frame], frame / 30).xy for frame in kept])
    true = _stack(clip)[kept]
    assert np.abs((seen - true)[20:].mean()) < 0.5


@both
@pytest.mark.parametrize("changed", ["given", "smoothed"])
@pytest.mark.parametrize("boxes", [True, False])
def test_what_callers_do_to_their_arrays_is_nothing_to_the_filter(make, changed, boxes, rng):
    clip = _walk(rng) if boxes else [replace(kps, boxes=None) for kps in _walk(rng)]
    smooth, alone = make(), make()
    for frame, kps in enumerate(clip):
        expected = alone(kps, frame / 30).arrays()
        given = replace(kps, **{name: array.copy() for name, array in kps.arrays().items()})
        smoothed = smooth(given, frame / 30)
        for name, array in smoothed.arrays().items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)
        for array in (given if changed == "given" else smoothed).arrays().values():
            array[...] += 9


@both
def test_time_that_stands_still_is_refused(make, rng):
    smooth, clip = make(), _walk(rng)
    smooth(clip[0], 1.0)
    with pytest.raises(ValueError, match=r"of 1\.0 seconds came after one of 1\.0"):
        smooth(clip[1], 1.0)


@both
def test_frames_without_anybody_are_fine(make, rng):
    smooth, clip = make(), _walk(rng)
    for frame, kps in enumerate([clip[0][:0], clip[1], clip[2][:0], clip[3]]):
        assert len(smooth(kps, frame / 30)) == len(kps)


@both
def test_boxes_alone_are_smoothed_too(make, rng):
    clip = [
        Keypoints(np.zeros((1, 0, 2)), np.zeros((1, 0)), Skeleton("box", ()), boxes=kps.boxes[:1])
        for kps in _walk(rng)
    ]
    assert _tremble(_stack(_smoothed(make(), clip), "boxes")) < 0.6 * _tremble(_stack(clip, "boxes"))


@both
def test_what_has_a_low_score_is_believed_less(make, rng):
    clip = _walk(rng, frames=90)
    sure, unsure = ([replace(k, scores=np.full((2, 5), s)) for k in clip] for s in (1.0, 0.2))
    assert _tremble(_stack(_smoothed(make(), unsure))) < _tremble(_stack(_smoothed(make(), sure)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: OneEuro(min_cutoff=0),
        lambda: OneEuro(beta=-1),
        lambda: OneEuro(least_trust=0),
        lambda: OneEuro(still=0),
        lambda: OneEuro(still=-0.2),
        lambda: OneEuro(still=float("nan")),
        lambda: KalmanSmoother(drift=0),
        lambda: KalmanSmoother(forget=0),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Smoother]):
    with pytest.raises(ValueError, match=r"above 0|more than 0"):
        make()
