import numpy as np
import pytest

from pinpoint.codecs.regression import MoveNet, Regression, ResidualLikelihood


def test_a_share_of_the_input_is_that_share_of_its_pixels():
    xy, scores = Regression((200, 100)).decode(np.array([[[0.5, 0.25], [0.0, 1.0]]]))
    assert xy.tolist() == [[[100, 25], [0, 100]]]
    assert (scores == 1).all()


def test_a_third_column_is_the_score():
    _, scores = Regression((200, 100)).decode(
        np.array([[[0.5, 0.25, 0.7], [0.5, 0.5, 1.3], [0.5, 0.5, -0.1]]])
    )
    assert scores.tolist() == [[0.7, 1.0, 0.0]]


def test_a_score_is_one_less_the_mean_spread():
    xy, scores = ResidualLikelihood((200, 100)).decode(np.array([[[0.5, 0.25, 0.1, 0.3]]]))
    assert xy.tolist() == [[[100, 25]]]
    np.testing.assert_allclose(scores, [[0.8]])


def test_spreads_of_a_mirrored_crop_stay_as_they_are():
    (table,) = ResidualLikelihood((200, 100)).mirrored(
        np.array([[[0.5, 0.25, 0.1, 0.3]]]), order=np.array([0])
    )
    np.testing.assert_allclose(table, [[[0.495, 0.25, 0.1, 0.3]]])


def test_movenet_gives_y_before_x_and_counts_from_the_edge():
    """The middle of the input lies between its two middle pixels."""
    xy, scores = MoveNet((192, 192)).decode(np.array([[[[0.25, 0.5, 0.8]]]], dtype=np.float32))
    np.testing.assert_allclose(xy, [[[95.5, 47.5]]])
    np.testing.assert_allclose(scores, [[0.8]])


@pytest.mark.parametrize(
    ("codec", "shape"),
    [
        (Regression((8, 8)), (1, 17, 4)),
        (MoveNet((8, 8)), (1, 17, 3)),
        (ResidualLikelihood((8, 8)), (1, 17, 2)),
    ],
)
def test_another_shape_is_refused(codec, shape):
    with pytest.raises(ValueError, match=r"output has shape .*, expected \(B,"):
        codec.decode(np.zeros(shape))
