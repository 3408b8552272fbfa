from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as engine

from pinpoint.runtime.onnx import OnnxSession, available_providers

WEIGHTS = Path(__file__).parents[2] / "../shared/data/weights"


@pytest.fixture
def two_outputs(onnx_network):
    """`negative` is -image and `square` is image * image."""
    nodes = [
        helper.make_node("Neg", ["image"], ["negative"]),
        helper.make_node("Mul", ["image", "image"], ["square"]),
    ]
    return onnx_network(nodes, ("B", 2), ["negative", "square"], metadata={"model": "{}", "author": "us"})


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(TensorProto.FLOAT16, np.float16), (TensorProto.UINT8, np.uint8), (TensorProto.DOUBLE, float)],
)
def test_other_types_run_as_they_are(doubling_onnx, kind, dtype):
    session = OnnxSession(doubling_onnx(("B", 3), kind))
    (double,) = session.run(np.array([[1, 2, 100]], dtype))
    assert session.input.dtype == double.dtype == dtype
    np.testing.assert_array_equal(double, [[2, 4, 200]])


def test_floats_are_not_squeezed_into_pixels(doubling_onnx):
    session = OnnxSession(doubling_onnx(("B", 3), TensorProto.UINT8))
    with pytest.raises(TypeError, match=r"float32.*uint8"):
        session.run(np.zeros((1, 3), np.float32))


def test_free_sizes_are_none(doubling_onnx):
    session = OnnxSession(doubling_onnx(("B", 3, "H", "W")))
    assert session.input.shape == (None, 3, None, None)
    assert session.run(np.zeros((2, 3, 5, 7), np.float32))[0].shape == (2, 3, 5, 7)


@pytest.mark.parametrize("names", [("square",), ("square", "negative")])
def test_wanted_outputs_come_in_the_wanted_order(two_outputs, names):
    session = OnnxSession(two_outputs, outputs=names)
    expected = {"square": 9, "negative": -3}
    assert tuple(output.name for output in session.outputs) == names
    assert [output.max() for output in session.run(np.full((1, 2), 3, np.float32))] == [
        expected[n] for n in names
    ]


def test_an_unknown_output_is_answered_with_those_there_are(two_outputs):
    with pytest.raises(ValueError, match="no output 'cube'; ONNX model has negative, square"):
        OnnxSession(two_outputs, outputs=("cube",))


def test_metadata_is_what_the_exporter_wrote(two_outputs):
    assert OnnxSession(two_outputs).metadata == {"model": "{}", "author": "us"}


def test_the_cpu_is_always_there():
    assert "cpu" in available_providers()


@pytest.mark.parametrize("provider", ["coreml", "cpux"])
def test_a_provider_that_is_not_there_is_answered_with_those_that_are(two_outputs, provider):
    with pytest.raises(ValueError, match=rf"'{provider}' is not there; this ONNX Runtime has .*cpu"):
        OnnxSession(two_outputs, providers=(provider, "cpu"))


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("cuda", "CUDAExecutionProvider"),
        ("tensorrt", "TensorrtExecutionProvider"),
        ("openvino", "OpenVINOExecutionProvider"),
        ("coreml", "CoreMLExecutionProvider"),
    ],
)
def test_a_provider_that_is_there_is_asked_for_before_the_cpu_and_no_other(
    two_outputs, short, full, monkeypatch
):
    asked = []

    def start(model, options, providers):
        asked.extend(name for name, _ in providers)
        raise engine.Fail("enough")

    there = ["TensorrtExecutionProvider", "CUDAExecutionProvider", full, "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    monkeypatch.setattr(onnxruntime, "InferenceSession", start)
    with pytest.raises(ValueError, match="enough"):
        OnnxSession(two_outputs, providers=(short,))
    assert asked == [full, "CPUExecutionProvider"]


def test_one_provider_is_still_a_sequence(two_outputs):
    with pytest.raises(TypeError, match="expected a sequence"):
        OnnxSession(two_outputs, providers="cpu")


def test_two_inputs_are_refused_by_name(onnx_network):
    add = helper.make_node("Add", ["image", "sizes"], ["sum"])
    with pytest.raises(ValueError, match=r"inputs \['image', 'sizes'\], expected one"):
        OnnxSession(onnx_network([add], ("B", 2), ["sum"], others=["sizes"]))


def test_a_single_picture_network_whose_rows_are_not_pictures_runs_one_at_a_time(onnx_network):
    """Rows of several runs cannot be told apart, so joining them would be a guess."""
    flat = helper.make_node("Flatten", ["image"], ["rows"], axis=2)
    session = OnnxSession(onnx_network([flat], (1, 3, 2), ["rows"]))
    assert session.run(np.zeros((1, 3, 2), np.float32))[0].shape == (3, 2)
    with pytest.raises(ValueError, match=r"shape \(3, 2\).*run such a network on 1 picture"):
        session.run(np.zeros((2, 3, 2), np.float32))


def test_a_size_that_the_network_cannot_take_is_named(onnx_network):
    pool = helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[4, 4])
    session = OnnxSession(onnx_network([pool], ("B", 3, "H", "W"), ["mean"]))
    with pytest.raises(ValueError, match=r"cannot run on a batch of shape \(1, 3, 2, 2\)"):
        session.run(np.zeros((1, 3, 2, 2), np.float32))


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x09\x12\x00"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.onnx"):
        OnnxSession(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.onnx"):
        OnnxSession(tmp_path / "missing.onnx")


def test_threads_are_counted_from_one(two_outputs):
    with pytest.raises(ValueError, match="threads is -1"):
        OnnxSession(two_outputs, threads=-1)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_engine_gets_the_threads_that_were_asked_for(two_outputs, threads):
    options = OnnxSession(two_outputs, threads=threads)._session.get_session_options()
    assert options.intra_op_num_threads == threads


def test_the_names_of_outputs_are_read_once(two_outputs):
    """The engine's own object is replaced by one that can do nothing but run."""
    session = OnnxSession(two_outputs)
    session._session = SimpleNamespace(run=session._session.run)
    assert len(session.run(np.ones((1, 2), np.float32))) == 2


def test_a_network_that_only_says_its_batch_is_free_is_run_one_at_a_time(onnx_network):
    shape = helper.make_node("Constant", [], ["shape"], value_ints=[1, 6])
    reshape = helper.make_node("Reshape", ["image", "shape"], ["row"])
    session = OnnxSession(onnx_network([shape, reshape], ("B", 2, 3), ["row"]))
    batch = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    np.testing.assert_array_equal(session.run(batch)[0], batch.reshape(3, 6))
    np.testing.assert_array_equal(session.run(batch)[0], batch.reshape(3, 6))


def test_no_word_of_the_engine_reaches_the_terminal(onnx_network, capfd):
    pool = helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[4, 4])
    session = OnnxSession(onnx_network([pool], ("B", 3, "H", "W"), ["mean"]))
    with pytest.raises(ValueError):
        session.run(np.zeros((1, 3, 2, 2), np.float32))
    assert capfd.readouterr() == ("", "")


@pytest.mark.shared
@pytest.mark.parametrize(("name", "size"), [("yolox_nano", 416), ("yunet_n_dynamic", 160)])
def test_published_networks_give_each_picture_the_same_in_a_batch_as_alone(name, size):
    session = OnnxSession(_published(name), threads=1)
    batch = np.random.default_rng(0).random((2, 3, size, size), np.float32) * 255
    alone = [session.run(picture[None]) for picture in batch]
    for together, *single in zip(session.run(batch), *alone, strict=True):
        # float32 sums of up to a thousand terms, in another order
        np.testing.assert_allclose(together, np.concatenate(single), rtol=1e-4, atol=1e-4)


@pytest.mark.shared
def test_a_detector_traced_for_one_picture_takes_several():
    """RTMDet's file says that its batch is free; its NMS broadcasts over one picture only."""
    session = OnnxSession(_published("rtmdet_nano_person_end2end"), outputs=("dets",), threads=1)
    batch = np.random.default_rng(0).random((2, 3, 320, 320), np.float32) * 255
    alone = [session.run(picture[None])[0] for picture in batch]
    np.testing.assert_array_equal(session.run(batch)[0], np.concatenate(alone))


def _published(name):
    path = WEIGHTS / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path
