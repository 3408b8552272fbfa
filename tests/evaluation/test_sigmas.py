"""Whose OKS falloffs are taken."""

import numpy as np

from pinpoint.evaluation.sigmas import SIGMA, assumed_sigmas
from pinpoint.skeletons import Skeleton, skeleton

OWN = Skeleton("own", ("nose", "tip"))


def test_those_of_the_labels_come_first():
    values, said = assumed_sigmas(skeleton("coco17"), OWN)
    assert tuple(values) == skeleton("coco17").sigmas and said == "those of coco17"


def test_those_of_the_model_stand_in_by_name():
    values, said = assumed_sigmas(OWN, skeleton("coco17"))
    np.testing.assert_array_equal(values, [0.026, SIGMA])
    assert said == "those of the model for 1 keypoints, 0.05 for 1 that nobody published one for"


def test_what_nobody_published_is_said():
    values, said = assumed_sigmas(OWN)
    assert values.tolist() == [SIGMA, SIGMA] and said == "0.05 for 2 that nobody published one for"


def test_what_a_model_assumed_itself_is_not_called_known():
    """Training gives keypoints that nobody published a falloff for the assumed one, and the file keeps it."""
    own = Skeleton("tool", ("face", "end"))
    values, words = assumed_sigmas(own, Skeleton("tool", ("face", "end"), sigmas=(SIGMA, SIGMA)))
    assert values.tolist() == [SIGMA, SIGMA]
    assert words == "0.05 for 2 that nobody published one for"
