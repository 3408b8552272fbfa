from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pinpoint.runtime.litert import LiteRtSession
from pinpoint.runtime.tflite import prune_tflite

MOVENET = Path(__file__).parents[2] / "../shared/data/weights/movenet_single_pose_lightning_ptq.tflite"
TENSOR = schema.TensorType
PICTURE = np.random.default_rng(1).random((1, 4, 4, 3), np.float32)


@pytest.mark.parametrize("names", [["plus"], ["times"], ["plus", "times"], ["times", "plus"]])
def test_wanted_outputs_keep_every_bit_and_come_in_the_wanted_order(two_branches, names):
    whole = run_by_name(two_branches)
    pruned = run_by_name(prune_tflite(two_branches, names))
    assert list(pruned) == names
    assert all(np.array_equal(pruned[name], whole[name]) for name in names)


def test_what_no_wanted_output_needs_is_gone(two_branches):
    model = parsed(prune_tflite(two_branches, ["plus"]))
    assert [tensor.name for tensor in model.subgraphs[0].tensors] == [b"image", b"weights0", b"plus"]
    assert [code.builtinCode for code in model.operatorCodes] == [schema.BuiltinOperator.ADD]
    assert [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers] == [0, 4 * 4 * 3 * 4]


def test_pruning_twice_is_pruning_once(two_branches):
    once = prune_tflite(two_branches, ["plus"])
    assert prune_tflite(once, ["plus"]) == once


def test_weights_stay_aligned_as_the_schema_demands(two_branches):
    """XNNPACK reads weights in place, 16 bytes at a time."""
    model = prune_tflite(two_branches, ["times"])
    root = schema.Model.GetRootAs(model)
    tables = [root.Buffers(i)._tab for i in range(1, root.BuffersLength())]
    assert [table.Vector(table.Offset(4)) % 16 for table in tables] == [0, 0]


def test_weights_that_two_tensors_share_stay_shared(writer):
    first = writer.tensor("first", data=np.ones(3, np.float32), shape=(3,))
    second = writer.tensor("second", shape=(3,))
    writer.graphs[0].tensors[second].buffer = writer.graphs[0].tensors[first].buffer
    sums = [writer.tensor("left"), writer.tensor("right"), writer.tensor("other")]
    for weights, out in zip((first, second, 0), sums, strict=True):
        writer.operator("ADD", [0, weights], [out], schema.AddOptionsT())
    writer.graphs[0].outputs = sums
    pruned = prune_tflite(writer.bytes(), ["left", "right"])
    assert len(parsed(pruned).buffers) == 2
    assert all(np.array_equal(out, PICTURE + 1) for out in run_by_name(pruned).values())


def test_an_input_that_nothing_uses_any_more_stays(writer):
    writer.graphs[0].outputs = [writer.tensor("constant", data=np.ones((1, 4, 4, 3), np.float32))]
    pruned = prune_tflite(writer.bytes(), ["constant"])
    assert parsed(pruned).subgraphs[0].inputs.tolist() == [0]
    np.testing.assert_array_equal(run_by_name(pruned)["constant"], np.ones((1, 4, 4, 3)))


def test_an_optional_tensor_that_is_left_out_stays_out(writer):
    weights = writer.tensor("weights", (2, 3), np.ones((2, 3), np.float32))
    unused, sums = writer.tensor("unused"), writer.tensor("sums", (16, 2))
    writer.operator("ADD", [0, 0], [unused], schema.AddOptionsT())
    writer.operator("FULLY_CONNECTED", [0, weights, -1], [sums], schema.FullyConnectedOptionsT())
    writer.graphs[0].outputs = [unused, sums]
    pruned = prune_tflite(writer.bytes(), ["sums"])
    assert parsed(pruned).subgraphs[0].operators[0].inputs.tolist() == [0, 1, -1]
    np.testing.assert_array_equal(run_by_name(pruned)["sums"], run_by_name(writer.bytes())["sums"])


def test_subgraphs_that_control_flow_calls_stay(writer):
    condition = writer.tensor("condition", (1,), np.array([False]), TENSOR.BOOL)
    unused, chosen = writer.tensor("unused"), writer.tensor("chosen")
    writer.operator("ADD", [0, 0], [unused], schema.AddOptionsT())
    branches = schema.IfOptionsT(thenSubgraphIndex=1, elseSubgraphIndex=2)
    writer.operator("IF", [condition, 0], [chosen], branches)
    writer.graphs[0].outputs = [unused, chosen]
    for factor in (5, 7):
        writer.graph()
        inside, out = writer.tensor("inside"), writer.tensor("out")
        weights = writer.tensor("factor", (1,), np.array([factor], np.float32))
        writer.operator("MUL", [inside, weights], [out], schema.MulOptionsT())
        writer.graphs[-1].inputs, writer.graphs[-1].outputs = [inside], [out]
    pruned = prune_tflite(writer.bytes(), ["chosen"])
    np.testing.assert_array_equal(run_by_name(pruned)["chosen"], PICTURE * np.float32(7))


def test_an_assignment_that_a_wanted_output_reads_stays(writer):
    handle = writer.tensor("handle", (), kind=TENSOR.RESOURCE)
    unused, stored = writer.tensor("unused"), writer.tensor("stored")
    writer.operator("VAR_HANDLE", [], [handle], schema.VarHandleOptionsT(container="c", sharedName="v"))
    writer.operator("ASSIGN_VARIABLE", [handle, 0], [], schema.AssignVariableOptionsT())
    writer.operator("READ_VARIABLE", [handle], [stored], schema.ReadVariableOptionsT())
    writer.operator("ADD", [0, 0], [unused], schema.AddOptionsT())
    writer.graphs[0].outputs = [unused, stored]
    pruned = prune_tflite(writer.bytes(), ["stored"])
    assert len(parsed(pruned).subgraphs[0].operators) == 3
    np.testing.assert_array_equal(run_by_name(pruned)["stored"], PICTURE)


@pytest.mark.parametrize(("read", "kept"), [(True, 2), (False, 1)])
def test_an_operator_stays_for_a_state_that_a_wanted_output_reads(writer, read, kept):
    state, unused, out = writer.tensor("state"), writer.tensor("unused"), writer.tensor("out")
    writer.graphs[0].tensors[state].isVariable = True
    writer.operator("OurOwnMemory", [0, state], [unused])
    writer.operator("ADD", [0, state if read else 0], [out], schema.AddOptionsT())
    writer.graphs[0].outputs = [unused, out]
    assert len(parsed(prune_tflite(writer.bytes(), ["out"])).subgraphs[0].operators) == kept


def test_tensors_between_the_steps_of_one_operator_stay(writer):
    unused, between, out = writer.tensor("unused"), writer.tensor("between"), writer.tensor("out")
    writer.operator("OurOwnSteps", [0], [out])
    writer.graphs[0].operators[0].intermediates = [between]
    writer.graphs[0].outputs = [unused, out]
    graph = parsed(prune_tflite(writer.bytes(), ["out"])).subgraphs[0]
    (step,) = graph.operators[0].intermediates
    assert graph.tensors[step].name == b"between"


def test_a_model_runs_once_the_operator_that_no_engine_knows_is_gone(writer):
    double, odd = writer.tensor("double"), writer.tensor("odd")
    writer.operator("OurOwnOperator", [0], [odd])
    writer.operator("ADD", [0, 0], [double], schema.AddOptionsT())
    writer.graphs[0].outputs = [odd, double]
    with pytest.raises(ValueError, match=r"TFLite model cannot be loaded.*OurOwnOperator"):
        LiteRtSession(writer.bytes())
    np.testing.assert_array_equal(
        run_by_name(prune_tflite(writer.bytes(), ["double"]))["double"], 2 * PICTURE
    )


def test_custom_options_stay_byte_for_byte(writer):
    odd, double = writer.tensor("odd"), writer.tensor("double")
    writer.operator("OurOwnOperator", [0], [odd])
    writer.graphs[0].operators[0].customOptions = [1, 2, 3, 255]
    writer.operator("ADD", [0, 0], [double], schema.AddOptionsT())
    writer.graphs[0].outputs = [odd, double]
    (operator,) = parsed(prune_tflite(writer.bytes(), ["odd"])).subgraphs[0].operators
    assert operator.customOptions.tolist() == [1, 2, 3, 255]


def test_signatures_name_what_is_left(writer):
    first, second = writer.tensor("first"), writer.tensor("second")
    writer.operator("ADD", [0, 0], [first], schema.AddOptionsT())
    writer.operator("MUL", [0, 0], [second], schema.MulOptionsT())
    writer.graphs[0].outputs = [first, second]
    ends = {"sum": first, "square": second}
    writer.signatures = [
        schema.SignatureDefT(
            [schema.TensorMapT("x", 0)], [schema.TensorMapT(*end) for end in ends.items()], "both"
        ),
        schema.SignatureDefT([schema.TensorMapT("x", 0)], [schema.TensorMapT("sum", first)], "gone"),
    ]
    model = parsed(prune_tflite(writer.bytes(), ["second"]))
    (signature,) = model.signatureDefs
    assert signature.signatureKey == b"both"
    assert [(entry.name, entry.tensorIndex) for entry in signature.outputs] == [(b"square", 1)]


def test_metadata_stays_unless_it_counts_outputs(two_branches, writer):
    for name in ("min_runtime_version", "TFLITE_METADATA"):
        writer.metadata.append(schema.MetadataT(name, writer.buffer(np.frombuffer(name.encode(), np.uint8))))
    model = parsed(prune_tflite(writer.bytes(), ["plus"]))
    (entry,) = model.metadata
    assert entry.name == model.buffers[entry.buffer].data.tobytes() == b"min_runtime_version"


def test_scales_that_are_tensors_follow_their_weights(writer):
    unused, out = writer.tensor("unused"), writer.tensor("out")
    scales = writer.tensor("scales", (1,), np.ones(1, np.float32))
    weights = writer.tensor("weights", (1,), np.ones(1, np.float32))
    writer.graphs[0].tensors[weights].quantization = schema.QuantizationParametersT(
        detailsType=schema.QuantizationDetails.BlockwiseQuantization,
        details=schema.BlockwiseQuantizationT(scales=scales, zeroPoints=-1, blockSize=1),
    )
    writer.operator("ADD", [0, 0], [unused], schema.AddOptionsT())
    writer.operator("ADD", [0, weights], [out], schema.AddOptionsT())
    writer.graphs[0].outputs = [unused, out]
    tensors = parsed(prune_tflite(writer.bytes(), ["out"])).subgraphs[0].tensors
    details = next(tensor for tensor in tensors if tensor.name == b"weights").quantization.details
    assert (tensors[details.scales].name, details.zeroPoints) == (b"scales", -1)


@pytest.mark.parametrize(
    ("names", "words"), [(["minus"], "no output 'minus'"), ([], "no output is asked for")]
)
def test_outputs_that_are_not_there_are_answered_with_those_that_are(two_branches, names, words):
    with pytest.raises(ValueError, match=f"{words}; the model has times, plus"):
        prune_tflite(two_branches, names)


@pytest.mark.parametrize("keep", [0, 7, 40, 500, -1])
def test_a_damaged_model_is_refused(two_branches, keep):
    with pytest.raises(ValueError):
        prune_tflite(two_branches[:keep], ["plus"])


def test_weights_outside_the_table_are_refused(writer):
    double = writer.tensor("double")
    writer.operator("ADD", [0, 0], [double], schema.AddOptionsT())
    writer.graphs[0].tensors[double].externalBuffer = 1
    writer.graphs[0].outputs = [double]
    with pytest.raises(ValueError, match="outside"):
        prune_tflite(writer.bytes(), ["double"])


@pytest.mark.shared
def test_movenet_keeps_every_bit():
    if not MOVENET.exists():
        pytest.skip(f"{MOVENET} is absent")
    model = MOVENET.read_bytes()
    picture = np.random.default_rng(0).integers(0, 256, (1, 192, 192, 3), dtype=np.uint8)
    pruned = prune_tflite(model, ["StatefulPartitionedCall:0"])
    whole, again = LiteRtSession(model).run(picture), LiteRtSession(pruned).run(picture)
    np.testing.assert_array_equal(again[0], whole[0])


def run_by_name(model):
    session = LiteRtSession(model, threads=1)
    return {output.name: array for output, array in zip(session.outputs, session.run(PICTURE), strict=True)}


def parsed(model):
    return schema.ModelT.InitFromPackedBuf(model)
