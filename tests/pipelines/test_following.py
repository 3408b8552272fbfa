"""In video, people are read where they were; the numbers are those of a look at the picture alone."""

from dataclasses import replace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.boxes import whole_picture
from pinpoint.pipelines.following import (
    LEAST_CARRIED,
    Ask,
    CropFollower,
    EveryFrame,
    ToldAs,
    all_of_them,
    boxes_around,
    follower_of,
    present_hulls,
    still_there,
)
from pinpoint.pipelines.load import load_follower
from pinpoint.pipelines.point_network import View
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.top_down import TopDown
from pinpoint.skeletons import skeleton
from spots import ARROW, SpotCodec, boxed, lit, spot_network

COCO = skeleton("coco17")
BLACK = np.zeros((150, 200, 3), np.uint8)
NOBODY = Keypoints.empty(ARROW)


def lights(kps, _image):
    """Keep who stands in a light."""
    return kps[kps.scores.mean(axis=1) > 0]


def follower(*boxes, network=None):
    return CropFollower(
        lambda _: boxed(*boxes),
        network or spot_network(),
        BoxRegion(),
        BoxRegion(),
        lights,
        all_of_them,
        ARROW,
    )


def found_and_read(follow, image):
    return follow.read([Ask(image, follow.find(image))])[0]


def test_who_is_found_is_read_as_in_a_picture():
    look = TopDown(lambda _: boxed([100, 50, 140, 90]), spot_network(), BoxRegion(), BoxRegion())
    seen = found_and_read(follower([100, 50, 140, 90]), lit(120, 70))
    np.testing.assert_array_equal(seen.xy, look(lit(120, 70)).xy)


def test_who_is_expected_is_read_without_a_find():
    follow = follower([100, 50, 140, 90])
    seen = found_and_read(follow, lit(120, 70))
    (later,) = follow.read([Ask(lit(124, 73), NOBODY, seen)])
    np.testing.assert_allclose(later.xy[0, 0], [124, 73], atol=0.1)


def test_the_people_of_several_pictures_share_a_run():
    follow = follower([100, 50, 140, 90], [20, 20, 60, 60])
    sizes = []
    run = follow.network.session.run
    counting = type("Counting", (), {"input": follow.network.session.input, "outputs": ()})()
    counting.run = lambda batch: sizes.append(len(batch)) or run(batch)
    follow = replace(follow, network=replace(follow.network, session=counting))
    pictures = [lit(120, 70), lit(40, 40), lit(118, 72)]
    together = follow.read([Ask(image, follow.find(image)) for image in pictures])
    assert sizes == [6]
    for image, seen in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(seen.xy, found_and_read(follow, image).xy)


def test_who_is_out_of_one_picture_is_missed_there_alone():
    """The second box lies beyond the small picture, in the middle of the large one."""
    network, both = spot_network(), boxed([20, 20, 60, 60], [300, 200, 340, 240])
    small, large = lit(40, 40), lit(320, 220, size=(480, 320))
    views = [View(image, both, BoxRegion()(both)) for image in (small, large, small)]
    for view, read in zip(views, network.together(views), strict=True):
        alone = network(view.image, both, BoxRegion())
        np.testing.assert_array_equal(read.xy, alone.xy)
        np.testing.assert_array_equal(read.scores, alone.scores)
        assert np.isnan(read.xy[1]).all() == (view.image is small)


def test_a_picture_without_anybody_costs_no_run():
    follow = follower()
    assert len(follow.read([Ask(BLACK, NOBODY), Ask(BLACK, NOBODY, NOBODY)])[1]) == 0


def test_who_is_found_where_somebody_is_expected_is_read_once():
    follow = follower([100, 50, 140, 90], [20, 20, 60, 60])
    seen = found_and_read(follow, lit(120, 70))
    (later,) = follow.read([Ask(lit(121, 70), follow.find(lit(121, 70)), seen)])
    assert later.track_ids.tolist() == [0]


def test_readings_say_whose_they_are():
    follow = follower([100, 50, 140, 90])
    seen = found_and_read(follow, lit(120, 70))
    expected = replace(seen[[0, 0]], boxes=np.array([[300.0, 300, 340, 340], [104, 52, 144, 92]]))
    (later,) = follow.read([Ask(lit(120, 70), NOBODY, expected)])
    assert seen.track_ids.tolist() == [-1]
    assert later.track_ids.tolist() == [1]


def test_who_has_gone_is_left_out():
    follow = follower([100, 50, 140, 90])
    seen = found_and_read(follow, lit(120, 70))
    assert len(follow.read([Ask(BLACK, NOBODY, seen)])[0]) == 0


def person(score, shift=0.0):
    xy = np.linspace([50.0, 20], [90, 120], 17)[None] + shift
    return Keypoints(xy, np.full((1, 17), score), COCO, boxes=[[0.0, 0, 9, 9]], box_scores=[score])


def test_whoever_scores_too_little_is_not_there_any_more():
    assert len(still_there(person(LEAST_CARRIED - 0.01), BLACK)) == 0
    assert len(still_there(person(LEAST_CARRIED + 0.01), BLACK)) == 1


def test_one_person_read_twice_is_one():
    twice = Keypoints.concatenate([person(0.6), person(0.8, shift=1.0)])
    assert still_there(twice, BLACK).scores[0, 0] == 0.8


def test_boxes_reach_beyond_the_points_as_annotated_ones_do():
    """The points are 100 high: COCO's boxes have 8.5, 17, 8 and 9 more on their sides."""
    np.testing.assert_allclose(boxes_around(person(0.9), person(0.9), BLACK), [[41.5, 3, 98, 129]])


def hidden(person):
    """Of whom five points are seen: a head and shoulders."""
    person.scores[:, 5:] = 0.2
    return replace(person, boxes=np.array([[30.0, 10, 120, 140]]))


def test_the_box_of_somebody_half_hidden_moves_with_the_points_that_are_seen():
    before, after = hidden(person(0.9)), hidden(person(0.9, shift=3.0))
    np.testing.assert_allclose(boxes_around(before, after, BLACK), [[33, 13, 123, 143]])


def test_the_box_of_somebody_half_hidden_grows_with_the_points_that_are_seen():
    before, after = hidden(person(0.9)), hidden(person(0.9))
    middle = before.xy[:, :5].mean(axis=1)
    after = replace(after, xy=(before.xy - middle) * 1.05 + middle)
    grown = (before.boxes.reshape(2, 2) - middle) * 1.05 + middle
    np.testing.assert_allclose(boxes_around(before, after, BLACK), grown.reshape(1, 4))


def test_whoever_shows_too_few_points_keeps_the_box_they_were_expected_in():
    before, after = hidden(person(0.9)), hidden(person(0.9, shift=3.0))
    after.scores[:] = 0.2
    np.testing.assert_allclose(boxes_around(before, after, BLACK), before.boxes)


def test_networks_placed_by_boxes_look_where_the_detector_does():
    """A box that shrank on the way is mended as soon as the detector looks."""
    detected, shrunk = [100, 50, 140, 90], np.array([[105.0, 55, 135, 85]])
    follow = replace(follower(detected), boxed=lambda expected, read, image: read.boxes)
    seen = replace(found_and_read(follow, lit(120, 70)), boxes=shrunk)
    (later,) = follow.read([Ask(lit(120, 70), follow.find(lit(120, 70)), seen)])
    assert later.boxes.tolist() == [detected]
    assert later.track_ids.tolist() == [0]


def test_whom_the_detector_does_not_see_has_to_be_seen_well():
    """A ghost on the wall is read again and again, until the detector looks and finds nobody there."""
    network = replace(spot_network(), codec=Faint())
    follow = replace(follower(network=network), boxed=lambda expected, read, image: read.boxes)
    image = lit(120, 70)
    seen = replace(
        found_and_read(follower([100, 50, 140, 90]), image), boxes=np.array([[100.0, 50, 140, 90]])
    )
    assert len(follow.read([Ask(image, NOBODY, seen)])[0]) == 1
    assert len(follow.read([Ask(image, NOBODY, seen, looked=True)])[0]) == 0


class Faint(SpotCodec):
    """Sees the spot, and is not sure of it."""

    def decode(self, spots):
        xy, scores = super().decode(spots)
        return xy, 0.25 + 0 * scores


def test_absent_faces_and_hands_are_left_out_by_what_the_network_says():
    both = Keypoints.concatenate([person(0.9), replace(person(0.9, shift=300), box_scores=[0.4])])
    assert len(present_hulls(both, BLACK)) == 1


def test_an_estimator_in_one_piece_looks_at_every_frame():
    follow = follower_of(lambda image: boxed([1, 2, 3, 4]), skeleton("box"))
    assert not follow.carries
    assert len(found_and_read(follow, BLACK)) == 1


def test_the_whole_picture_is_not_carried_on():
    look = TopDown(whole_picture, spot_network(), BoxRegion(), BoxRegion())
    assert isinstance(look.follower(), EveryFrame)


def test_the_answer_is_told_in_another_skeleton():
    told = ToldAs(replace(follower(), skeleton=COCO), skeleton("openpose18"))
    assert told.told(person(0.9)).skeleton.name == "openpose18"
    assert told.told(Keypoints.empty(COCO)).skeleton.name == "openpose18"


@pytest.mark.network
@pytest.mark.parametrize("name", ["body", "mediapipe-pose-full", "face", "face-s", "wholebody"])
def test_models_read_in_the_next_frame_what_they_read_in_this(name):
    """A still picture: looked at where it was, the astronaut's face is where a picture's look says it is."""
    image = _astronaut()
    follow, look = load_follower(name), pp.load(name)
    seen = found_and_read(follow, image)
    for _ in range(3):
        (seen,) = follow.read([Ask(image, seen[:0], seen)])
    told, once = follow.told(seen[:1]), look(image)[:1]
    assert told.skeleton == once.skeleton
    assert told.scores.mean() > 0.3
    names = [n for n in ("nose", "left_eye", "right_eye") if n in told.skeleton] or [
        "face-30",
        "face-36",
        "face-45",
    ]
    columns = told.skeleton.indices(names)
    assert (
        np.linalg.norm(told.xy[0, columns] - once.xy[0, columns], axis=1).max() < 12
    )  # a cell of the coarsest network


def _astronaut():
    from skimage.data import astronaut

    return astronaut()
