"""When the detector looks: at first, when somebody is lost or comes in, and every now and then."""

import numpy as np
import pytest

from pinpoint.stream.lookout import Lookout, Pauses

STILL = np.full((90, 160, 3), 90, np.uint8)
PERSON = np.array([[20.0, 20, 60, 80]])
NOBODY = np.zeros((0, 4))
PAUSES = Pauses(after_loss=0.1, after_motion=0.3, in_vain=1.2, shortest=0.5, longest=2.0)
ENTERING = (140, 30, 160, 80)


def with_patch(x1, y1, x2, y2, level=250):
    image = STILL.copy()
    image[y1:y2, x1:x2] = level
    return image


def looked(image=STILL, boxes=PERSON, seconds=0.0, pauses=PAUSES):
    lookout = Lookout(pauses)
    assert lookout.due(image, seconds, NOBODY, lost=False)
    lookout.looked(image, seconds, boxes, news=True)
    return lookout


def test_it_rests_where_nothing_happens():
    lookout = looked()
    assert not any(lookout.due(STILL, t, PERSON, lost=False) for t in (0.03, 0.2, 0.4, 0.49))
    assert lookout.due(STILL, 0.5, PERSON, lost=False)


def test_without_news_the_pause_doubles_up_to_the_longest():
    lookout, now, pauses = looked(), 0.0, []
    for _ in range(4):
        start = now
        while not lookout.due(STILL, now, PERSON, lost=False):
            now += 0.05
        lookout.looked(STILL, now, PERSON, news=False)
        pauses.append(now - start)
    np.testing.assert_allclose(pauses, [0.5, 1.0, 2.0, 2.0], atol=0.051)


def test_news_makes_it_look_sooner_again():
    lookout = looked()
    lookout.looked(STILL, 1.0, PERSON, news=False)
    lookout.looked(STILL, 2.0, PERSON, news=True)
    assert lookout.due(STILL, 2.5, PERSON, lost=False)


def pauses_between_looks(lookout, picture_at, until, lost=False):
    """How long it rests from look to look, none of which brings anybody."""
    looks = [0.0]
    for now in np.arange(0.05, until, 0.05):
        image = picture_at(now)
        if lookout.due(image, now, NOBODY if not lost else PERSON, lost=lost and len(looks) == 1):
            lookout.looked(image, now, NOBODY if not lost else PERSON, news=False)
            looks.append(now)
    return np.diff(looks)


def test_it_looks_for_whoever_was_lost_soon_and_then_ever_more_seldom():
    """Who was hidden comes back without any motion beside those who hid them."""
    pauses = pauses_between_looks(looked(), lambda _: STILL, 6.0, lost=True)
    np.testing.assert_allclose(pauses, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0], atol=0.051)


def test_where_nobody_is_it_looks_as_soon_as_something_moves():
    lookout = looked(boxes=NOBODY)
    assert not lookout.due(STILL, 0.4, NOBODY, lost=False)
    assert not lookout.due(with_patch(*ENTERING), 0.05, NOBODY, lost=False)
    assert lookout.due(with_patch(*ENTERING), 0.1, NOBODY, lost=False)


def test_where_nobody_is_and_nothing_moves_it_looks_twice_a_second():
    pauses = pauses_between_looks(looked(boxes=NOBODY), lambda _: STILL, 2.2)
    np.testing.assert_allclose(pauses, [0.5] * 4, atol=0.051)


def test_something_that_moves_outside_is_looked_at():
    assert looked().due(with_patch(*ENTERING), 0.3, PERSON, lost=False)
    assert not looked().due(with_patch(*ENTERING), 0.2, PERSON, lost=False)


RESTING = Pauses(longest=9.0, shortest=9.0)


def looks_at_traffic(until, quiet=(np.inf, np.inf), newcomer=np.inf):
    """When it looks where something goes to and fro, but for a while, and something else comes."""
    lookout, looks = looked(pauses=RESTING), []
    for now in np.arange(0.05, until, 0.05):
        x = 80 + int(740 * now % 40)
        image = STILL.copy() if quiet[0] <= now <= quiet[1] else with_patch(x, 10, x + 20, 40)
        if now >= newcomer:
            image[50:80, 120:140] = 10
        if lookout.due(image, now, PERSON, lost=False):
            lookout.looked(image, now, PERSON, news=False)
            looks.append(now)
    return np.array(looks)


def test_motion_where_motion_brought_nobody_is_looked_at_seldom():
    pauses = np.diff(looks_at_traffic(12.0))
    assert pauses[:4].min() < 0.5
    assert pauses[4:].min() > 1.1


def test_motion_in_another_place_is_looked_at_soon():
    looks, with_newcomer = looks_at_traffic(12.0), looks_at_traffic(12.0, newcomer=9.0)
    assert not any((looks > 8.99) & (looks < 9.31))
    assert any((with_newcomer > 8.99) & (with_newcomer < 9.31))


def test_after_quiet_motion_is_looked_at_soon():
    looks = looks_at_traffic(10.0, quiet=(7.0, 8.5))
    assert looks[looks > 8.5][0] < 8.6


def test_whoever_is_followed_may_move():
    """Where they were and where they are, and a quarter of their size around it."""
    moved = with_patch(30, 15, 74, 85)
    assert not looked().due(moved, 0.4, PERSON + np.array([5.0, 0, 5, 0]), lost=False)


def test_the_noise_of_a_camera_is_no_motion():
    rng = np.random.default_rng(0)
    noisy = [np.clip(STILL + rng.normal(0, 8, STILL.shape), 0, 255).astype(np.uint8) for _ in range(10)]
    lookout = looked(noisy[0])
    assert not any(lookout.due(image, 0.4, PERSON, lost=False) for image in noisy)


def test_a_picture_of_another_size_is_looked_at():
    assert looked().due(np.full((160, 90, 3), 90, np.uint8), 0.4, PERSON, lost=False)


def test_time_that_goes_back_starts_anew():
    assert looked(seconds=9.0).due(STILL, 1.0, PERSON, lost=False)


def test_unknown_boxes_hide_nothing():
    unknown = np.full((1, 4), np.nan)
    assert looked().due(with_patch(140, 30, 160, 80), 0.4, unknown, lost=False)


@pytest.mark.parametrize("pauses", [{"after_loss": -1}, {"shortest": 3.0}, {"longest": np.inf}])
def test_pauses_out_of_range_are_refused(pauses):
    with pytest.raises(ValueError, match="pauses"):
        Pauses(**pauses)
