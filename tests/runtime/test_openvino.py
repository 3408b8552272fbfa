"""OpenVINO IR files: what every session promises, in the precision of the file, described by themselves."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from pinpoint.hub import spec_of_file
from pinpoint.runtime import open_session

openvino = pytest.importorskip("openvino", reason="needs the extra `openvino`")


@pytest.fixture
def written(tmp_path, onnx_network):
    """Write an ONNX network as `mine.xml` and `mine.bin`."""

    def write(nodes, shape, outputs, **options):
        model = openvino.Core().read_model(onnx_network(nodes, shape, outputs, **options))
        openvino.save_model(model, tmp_path / "mine.xml", compress_to_fp16=False)
        return tmp_path / "mine.xml"

    return write


@pytest.fixture
def doubling(written):
    nodes = [
        helper.make_node("Add", ["image", "image"], ["double"]),
        helper.make_node("Neg", ["image"], ["minus"]),
    ]
    return lambda batch: written(nodes, (batch, 3, 4, 5), ["double", "minus"])


@pytest.mark.parametrize("batch", ["B", 1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_any_batch_is_run_whatever_the_file_takes(batch, size, doubling, rng):
    pictures = rng.random((size, 3, 4, 5), np.float32)
    double, minus = open_session(doubling(batch), threads=1).run(pictures)
    np.testing.assert_array_equal(double, 2 * pictures)
    np.testing.assert_array_equal(minus, -pictures)


def test_results_outlive_the_next_run(doubling, rng):
    session, pictures = open_session(doubling("B"), threads=1), rng.random((2, 3, 4, 5), np.float32)
    first, _ = session.run(pictures)
    session.run(np.zeros_like(pictures))
    np.testing.assert_array_equal(first, 2 * pictures)


def test_outputs_come_in_the_order_that_is_asked_for(doubling):
    session = open_session(doubling("B"), outputs=["minus"], threads=1)
    assert [output.name for output in session.outputs] == ["minus"]
    (minus,) = session.run(np.ones((1, 3, 4, 5), np.float32))
    assert (minus == -1).all()


def test_it_computes_in_single_precision(written, rng):
    """In bfloat16, which has 8 bits, a product would be off by more than a thousandth."""
    weights = rng.normal(size=(32, 32)).astype(np.float32)
    constant = helper.make_node("Constant", [], ["weights"], value=_tensor(weights))
    path = written([constant, helper.make_node("MatMul", ["image", "weights"], ["out"])], ("B", 32), ["out"])
    session, rows = open_session(path, threads=1), rng.normal(size=(4, 32)).astype(np.float32)
    np.testing.assert_allclose(session.run(rows)[0], rows @ weights, atol=1e-4)
    assert session._compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


def _tensor(values):
    return helper.make_tensor("weights", TensorProto.FLOAT, values.shape, values.ravel())


def test_an_output_that_is_not_there_is_named(doubling):
    with pytest.raises(ValueError, match=r"no output 'triple'; .*mine.xml has double, minus"):
        open_session(doubling("B"), outputs=["triple"])


def test_a_wrong_shape_is_named_with_the_right_one(doubling):
    with pytest.raises(ValueError, match=r"\(1, 3, 5, 4\).*\(any, 3, 4, 5\)"):
        open_session(doubling("B"), threads=1).run(np.zeros((1, 3, 5, 4), np.float32))


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_a_file_that_is_not_there_is_named(suffix, doubling):
    path = doubling("B")
    path.with_suffix(suffix).unlink()
    with pytest.raises(FileNotFoundError, match=rf"mine\{suffix}"):
        open_session(path)


@pytest.mark.parametrize("text", ["", "not xml", "<svg/>", "<net><layers>"])
def test_a_file_that_is_no_model_is_refused_in_silence(text, doubling, capfd):
    path = doubling("B")
    path.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.xml"):
        open_session(path)
    assert capfd.readouterr() == ("", "")


def test_other_processors_are_refused(doubling):
    with pytest.raises(ValueError, match="run on the CPU, not on cuda"):
        open_session(doubling("B"), providers=["cuda"])


def test_a_file_without_a_description_has_none(doubling):
    assert spec_of_file(doubling("B")) is None


def test_a_description_that_cannot_be_read_is_told_apart_from_none(doubling):
    path = doubling("B")
    model = openvino.Core().read_model(path)
    model.set_rt_info(json.dumps({"name": "future"}), "pinpoint")
    openvino.save_model(model, path.with_name("future.xml"))
    with pytest.raises(ValueError, match=r"future\.xml describes itself in a way that this version cannot"):
        spec_of_file(path.with_name("future.xml"))
