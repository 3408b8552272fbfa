"""Detectors on outputs made by hand, where the answer is known."""

import numpy as np
import pytest

from pinpoint.codecs import make_codec

SIZE = (64, 32)
CELLS = 32 + 8 + 2  # strides 8, 16 and 32


def yolox_output():
    """Cell (column 3, row 1) of stride 8 is row 11; cell (1, 0) of stride 16 is row 33."""
    output = np.full((1, CELLS, 7), -1.0, dtype=np.float32)
    output[..., 4:] = 0
    output[0, 11] = [0.5, 0.25, np.log(2), np.log(3), 0.9, 0.8, 0.1]
    output[0, 33] = [0.0, 1.0, 0, 0, 0.5, 0.2, 1.0]
    return output


def test_yolox_reads_a_lit_cell():
    found = make_codec("yolox", SIZE).decode(yolox_output())
    middle, half = np.array([3.5, 1.25]) * 8 - 0.5, np.array([2, 3]) * 4
    np.testing.assert_allclose(found.boxes, [[*(middle - half), *(middle + half)]], rtol=1e-6)
    np.testing.assert_allclose(found.box_scores, [0.72], rtol=1e-6)
    assert found.xy.shape == (1, 0, 2)


def test_yolox_looks_for_the_class_it_is_told():
    found = make_codec("yolox", SIZE, class_index=1).decode(yolox_output())
    np.testing.assert_allclose(found.boxes, [[8 - 0.5, 8 - 0.5, 24 - 0.5, 24 - 0.5]], rtol=1e-6)
    np.testing.assert_allclose(found.box_scores, [0.5], rtol=1e-6)


def test_yolox_keeps_the_best_of_boxes_that_overlap():
    output = yolox_output()
    output[0, 12] = [-0.5, 0.25, np.log(2), np.log(3), 1.0, 0.9, 0]
    found = make_codec("yolox", SIZE).decode(output)
    np.testing.assert_allclose(found.box_scores, [0.9], rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("column", range(6))
def test_yolox_drops_what_is_not_a_number_and_keeps_the_rest(column, value):
    output = yolox_output()
    output[0, 33] = [0, 0, 0, 0, 1, 1, 1]
    output[0, 11, column] = value
    found = make_codec("yolox", SIZE).decode(output)
    assert np.isfinite(found.boxes).all()
    assert ((found.box_scores >= 0) & (found.box_scores <= 1)).all()
    assert any(np.allclose(box, [7.5, -8.5, 23.5, 7.5]) for box in found.boxes)


def test_yolox_of_another_input_size_is_refused():
    with pytest.raises(ValueError, match="42 rows, expected 84 for input size 64 x 64"):
        make_codec("yolox", (64, 64)).decode(yolox_output())


def test_yolox_without_such_a_class_is_refused():
    with pytest.raises(ValueError, match="8 or more"):
        make_codec("yolox", SIZE, class_index=2).decode(yolox_output())


def test_rtmdet_takes_boxes_of_its_class_best_first():
    dets = np.array([[[10, 10, 20, 20, 0.5], [30, 10, 40, 20, 0.9], [50, 5, 60, 20, 0.8], [1, 1, 9, 9, 0.1]]])
    found = make_codec("rtmdet", SIZE).decode(dets, np.array([[0, 0, 1, 0]]))
    assert found.boxes.tolist() == [[29.5, 9.5, 39.5, 19.5], [9.5, 9.5, 19.5, 19.5]]
    assert found.box_scores.tolist() == [0.9, 0.5]


def test_rtmdet_removes_no_overlaps_since_the_export_did():
    dets = np.array([[[10, 10, 20, 20, 0.9], [10, 10, 20, 21, 0.8]]])
    assert len(make_codec("rtmdet", SIZE).decode(dets, np.zeros((1, 2), int)).boxes) == 2


def test_rtmdet_with_labels_of_other_boxes_is_refused():
    with pytest.raises(ValueError, match=r"labels have shape \(1, 3\), expected \(1, 2\)"):
        make_codec("rtmdet", SIZE).decode(np.zeros((1, 2, 5)), np.zeros((1, 3)))


def yunet_outputs():
    """One face in cell (column 1, row 1) of stride 16, row 5 of the second grid."""
    outputs = [np.zeros((1, n, d), np.float32) for d in (1, 1, 4, 10) for n in (32, 8, 2)]
    outputs[1][0, 5], outputs[4][0, 5] = 0.9, 0.4
    outputs[7][0, 5] = [0.5, 0.25, np.log(1.5), 0]
    outputs[10][0, 5] = np.arange(10) / 10
    return outputs


def test_yunet_reads_a_lit_cell():
    found = make_codec("yunet", SIZE, min_score=0.5).decode(*yunet_outputs())
    np.testing.assert_allclose(found.boxes, [[24 - 12, 20 - 8, 24 + 12, 20 + 8]], rtol=1e-6)
    np.testing.assert_allclose(found.box_scores, [0.6], rtol=1e-6)
    expected = [[16 + 1.6 * 2 * k - 0.5, 16 + 1.6 * (2 * k + 1) - 0.5] for k in range(5)]
    np.testing.assert_allclose(found.xy[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.scores[0], 0.6, rtol=1e-6)


def test_yunet_wants_four_outputs_per_stride():
    with pytest.raises(ValueError, match="11 outputs, expected 12"):
        make_codec("yunet", SIZE).decode(*yunet_outputs()[:11])


@pytest.mark.parametrize("kind", ["yolox", "yunet", "rtmdet"])
def test_an_empty_picture_has_no_instances(kind):
    outputs = {
        "yolox": [np.zeros((1, CELLS, 85))],
        "yunet": [np.zeros((1, n, d)) for d in (1, 1, 4, 10) for n in (32, 8, 2)],
        "rtmdet": [np.zeros((1, 0, 5)), np.zeros((1, 0))],
    }[kind]
    found = make_codec(kind, SIZE).decode(*outputs)
    points = 5 if kind == "yunet" else 0
    shapes = [array.shape for array in found]
    assert shapes == [(0, 4), (0,), (0, points, 2), (0, points)]


def test_yunet_with_too_few_point_columns_is_refused():
    outputs = yunet_outputs()
    outputs[9:] = [output[..., :9] for output in outputs[9:]]
    with pytest.raises(ValueError, match=r"shape \(1, 32, 9\), expected \(1, n, 10 or more\)"):
        make_codec("yunet", SIZE).decode(*outputs)
