"""Networks in 8 bits."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from pinpoint.hub import spec_of_file
from pinpoint.runtime import open_session
from pinpoint.training.compress.int8 import Quantizer, choose, compress_int8, halves
from pinpoint.training.compress.table import Limits
from pinpoint.training.export import export_onnx, load_trained
from pinpoint.training.gate import Difference
from pinpoint.training.gate_samples import read_gate_samples


@pytest.fixture(scope="module")
def source(run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("float") / "float.onnx"
    export_onnx(*load_trained(run), path)
    return path


@pytest.fixture(scope="module")
def samples(source, plain):
    return read_gate_samples(spec_of_file(source), Path(plain["data"][0]["annotations"]), None, 24)


@pytest.fixture(scope="module")
def quantizer(source, samples, tmp_path_factory) -> Quantizer:
    batches = list(samples.batches(open_session(source), 8))
    return Quantizer(source, batches, tmp_path_factory.mktemp("quantizer"))


def _run(path: Path, samples) -> np.ndarray:
    session = open_session(path)
    (batch,) = samples.batches(session, len(samples))
    return session.run(batch)[0]


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_a_network_in_8_bits_says_almost_the_same(method, quantizer, source, samples, tmp_path):
    """256 levels per activation: a hundredth of the range, not of a wrong scale."""
    quantizer.write(tmp_path / "small.onnx", method)
    before, after = _run(source, samples), _run(tmp_path / "small.onnx", samples)
    assert 0 < np.abs(after - before).mean() < 0.05 * np.ptp(before)


def test_with_every_layer_in_float_nothing_changes(quantizer, source, samples, tmp_path):
    quantizer.write(tmp_path / "same.onnx", "minmax", floats=quantizer.layers)
    np.testing.assert_allclose(_run(tmp_path / "same.onnx", samples), _run(source, samples), atol=1e-5)


def test_layers_that_stay_in_float_keep_their_weights(quantizer, tmp_path):
    """The others have whole numbers of 8 bits, one scale per output channel, and no zero point."""
    kept = quantizer.layers[0]
    quantizer.write(tmp_path / "small.onnx", "minmax", floats=[kept])
    graph = onnx.load(tmp_path / "small.onnx").graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    by_name = {node.name: node for node in graph.node}
    assert weights[by_name[kept].input[1]].data_type == onnx.TensorProto.FLOAT
    makers = {output: node for node in graph.node for output in node.output}
    scale = makers[by_name[quantizer.layers[1]].input[1]]
    assert scale.op_type == "DequantizeLinear"
    assert weights[scale.input[0]].data_type == onnx.TensorProto.INT8
    assert weights[scale.input[1]].dims[0] == weights[scale.input[0]].dims[0]
    assert not onnx.numpy_helper.to_array(weights[scale.input[2]]).any()


def _difference(drop: float, p95: float) -> Difference:
    nothing = dict.fromkeys(("p50", "max", "score", "unpaired", "overlap"), 0.0)
    return Difference(batch=1, before=0.5, after=0.5 - drop, p95=p95, **nothing)


class FakeTrial:
    """Each layer moves points by its own, what is between several by `way`; AP falls by a hundredth of that.

    No network is run.
    """

    def __init__(self, way: float = 0.0, **moves: float) -> None:
        self.way, self.moves = way, moves

    def __call__(self, quantizer, method, *, only=(), floats=(), between=True) -> Difference:
        small = [name for name in (only or self.moves) if name not in floats]
        moved = sum(self.moves[name] for name in small) + self.way * (between and len(small) > 1)
        return _difference(moved / 100, moved * {"minmax": 2.0}.get(method, 1.0))

    def on_few(self):
        return self


class FakeLayers:
    layers = ("first", "middle", "head")


def test_the_worst_layers_stay_in_float_until_the_loss_is_allowed():
    trial = FakeTrial(first=0.8, middle=0.5, head=3.0)
    choice = choose(FakeLayers(), trial, 0.006, ["minmax", "entropy"])  # pyright: ignore
    assert [one.layer for one in choice.layers] == ["head", "first", "middle"]
    assert (choice.method, choice.floats) == ("entropy", 2)
    assert choice.drop == pytest.approx(0.005)


def test_a_layer_that_takes_most_of_the_error_stays_in_float_although_the_loss_is_allowed():
    choice = choose(FakeLayers(), FakeTrial(first=0.1, middle=0.1, head=2.0), 1.0, ["entropy"])  # pyright: ignore
    assert choice.floats == 1 and "head" in choice.text()


def test_nothing_stays_in_float_where_no_layer_stands_out():
    even = dict.fromkeys("abcdefgh", 0.1)
    layers = type("Layers", (), {"layers": tuple(even)})()
    choice = choose(layers, FakeTrial(**even), 1.0, ["entropy"])  # pyright: ignore
    assert choice.floats == 0 and "8 of 8" in choice.text()


def _chosen(way: float, limit: float):
    """With ten layers that move points by 1 each."""
    even = dict.fromkeys("abcdefghij", 1.0)
    layers = type("Layers", (), {"layers": tuple(even)})()
    return choose(layers, FakeTrial(way, **even), limit, ["entropy"])  # pyright: ignore


def test_what_is_between_is_in_8_bits_where_that_takes_no_more_layers_than_it_is_worth():
    """One of ten layers more in float: 8 bits move points by 10 and 0.5, and 10 are allowed."""
    choice = _chosen(way=0.5, limit=0.1)
    assert choice.between and choice.floats == 1
    assert "with what is between them" in choice.text()


def test_what_is_between_stays_in_float_where_that_spares_several_layers():
    choice = _chosen(way=4.5, limit=0.1)
    assert not choice.between and choice.floats == 0
    assert "what is between them in float" in choice.text()


def test_a_compressed_file_describes_itself_and_takes_any_number_of_pictures(
    source, samples, tmp_path, monkeypatch
):
    monkeypatch.setattr("pinpoint.training.compress.table.RUNS", 5)
    out = tmp_path / "small.onnx"
    limits = Limits(drop=1.0, time=100.0)
    choice, comparison = compress_int8(source, out, samples, halves(samples), limits, ["minmax"])
    spec, before = spec_of_file(out), spec_of_file(source)
    assert spec is not None and before is not None
    assert (spec.name, spec.codec, spec.skeleton) == ("plain-n.int8", before.codec, before.skeleton)
    assert spec.metrics["AP"] == round(comparison.after.measures["AP"], 4)
    assert out.stat().st_size < 0.5 * source.stat().st_size
    assert open_session(out).input.shape[0] is None
    assert comparison.passes and len(choice.layers) > 10


def test_halves_share_no_sample_and_lose_none(samples):
    first, second = halves(samples)
    ids = [id(picture) for picture in (*first.pictures, *second.pictures)]
    assert sorted(ids) == sorted(map(id, samples.pictures)) and len(set(ids)) == len(ids)
