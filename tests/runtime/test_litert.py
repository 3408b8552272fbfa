from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pinpoint.runtime.litert import LiteRtSession

MOVENET = Path(__file__).parents[2] / "../shared/data/weights/movenet_single_pose_lightning_ptq.tflite"
TENSOR = schema.TensorType
PICTURE = np.random.default_rng(1).random((1, 4, 4, 3), np.float32)


@pytest.mark.parametrize("names", [("plus",), ("plus", "times"), ("times",)])
def test_wanted_outputs_come_in_the_wanted_order(two_branches, names):
    whole = LiteRtSession(two_branches)
    expected = dict(zip(("times", "plus"), whole.run(PICTURE), strict=True))
    session = LiteRtSession(two_branches, outputs=names)
    assert tuple(output.name for output in session.outputs) == names
    for name, array in zip(names, session.run(PICTURE), strict=True):
        np.testing.assert_array_equal(array, expected[name])


def test_an_unknown_output_is_answered_with_those_there_are(two_branches):
    with pytest.raises(ValueError, match="no output 'minus'; the model has times, plus"):
        LiteRtSession(two_branches, outputs=("minus",))


@pytest.mark.parametrize(("kind", "dtype"), [(TENSOR.INT8, np.int8), (TENSOR.UINT8, np.uint8)])
def test_integer_outputs_are_returned_as_the_numbers_they_stand_for(writer, kind, dtype):
    """The method's own bound is half a step of the scale."""
    rounded = writer.tensor("rounded", kind=kind, scale=(0.02, 3))
    writer.operator("QUANTIZE", [0], [rounded], schema.QuantizeOptionsT())
    writer.graphs[0].outputs = [rounded]
    session = LiteRtSession(writer.bytes())
    (array,) = session.run(PICTURE)
    assert session.outputs[0].dtype == array.dtype == np.float32
    np.testing.assert_allclose(array, PICTURE, atol=0.01 + 1e-6)


@pytest.mark.parametrize("kind", [TENSOR.INT8, TENSOR.UINT8])
def test_a_quantised_input_takes_its_own_integers_and_floats(writer, kind):
    picture = writer.graphs[0].tensors[0]
    picture.type, picture.quantization = kind, schema.QuantizationParametersT(scale=[0.5], zeroPoint=[4])
    out = writer.tensor("numbers")
    writer.operator("DEQUANTIZE", [0], [out], schema.DequantizeOptionsT())
    writer.graphs[0].outputs = [out]
    session = LiteRtSession(writer.bytes())
    integers = np.full((1, 4, 4, 3), 10, session.input.dtype)
    np.testing.assert_array_equal(session.run(integers)[0], np.full((1, 4, 4, 3), 3))
    np.testing.assert_array_equal(session.run(np.full((1, 4, 4, 3), 3.1))[0], np.full((1, 4, 4, 3), 3))
    top = np.iinfo(session.input.dtype).max
    assert session.run(np.full((1, 4, 4, 3), 1e6))[0].max() == (top - 4) * 0.5


def test_integers_without_a_scale_stay_integers(writer):
    counts = writer.tensor("counts", kind=TENSOR.INT32)
    writer.operator("CAST", [0], [counts], schema.CastOptionsT())
    writer.graphs[0].outputs = [counts]
    (array,) = LiteRtSession(writer.bytes()).run(PICTURE * 100)
    np.testing.assert_array_equal(array, (PICTURE * 100).astype(np.int32))


def test_free_sizes_are_none_and_follow_the_batch(writer):
    writer.graphs[0].tensors[0].shapeSignature = [-1, -1, 4, 3]
    double = writer.tensor("double", signature=[-1, -1, 4, 3])
    writer.operator("ADD", [0, 0], [double], schema.AddOptionsT())
    writer.graphs[0].outputs = [double]
    session = LiteRtSession(writer.bytes())
    assert session.input.shape == (None, None, 4, 3)
    for shape in [(2, 5, 4, 3), (1, 4, 4, 3), (3, 2, 4, 3)]:
        np.testing.assert_array_equal(session.run(np.ones(shape, np.float32))[0], np.full(shape, 2))


def test_two_inputs_are_refused_by_name(writer):
    second, out = writer.tensor("second"), writer.tensor("sum")
    writer.operator("ADD", [0, second], [out], schema.AddOptionsT())
    writer.graphs[0].inputs, writer.graphs[0].outputs = [0, second], [out]
    with pytest.raises(ValueError, match=r"inputs \['image', 'second'\], expected one"):
        LiteRtSession(writer.bytes())


@pytest.mark.parametrize("outputs", [(), ("double",)])
@pytest.mark.parametrize("keep", [0, 7, 300])
def test_a_damaged_file_is_named(tmp_path, doubling_tflite, keep, outputs):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(doubling_tflite[:keep])
    with pytest.raises(ValueError, match=r"damaged\.tflite"):
        LiteRtSession(path, outputs=outputs)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.tflite"):
        LiteRtSession(tmp_path / "missing.tflite")


def test_threads_are_counted_from_one(doubling_tflite):
    with pytest.raises(ValueError, match="threads is -1"):
        LiteRtSession(doubling_tflite, threads=-1)


@pytest.mark.shared
def test_movenet_finds_the_same_in_a_batch_as_alone():
    if not MOVENET.exists():
        pytest.skip(f"{MOVENET} is absent")
    session = LiteRtSession(MOVENET)
    batch = np.random.default_rng(0).integers(0, 256, (3, 192, 192, 3), dtype=np.uint8)
    alone = [session.run(picture[None])[0] for picture in batch]
    np.testing.assert_array_equal(session.run(batch)[0], np.concatenate(alone))
