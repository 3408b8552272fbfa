from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pinpoint.hub import ModelSpec, PullError, add, catalogue, find, pull, remove, spec_of_file
from pinpoint.hub.add import METADATA_KEY

WEIGHTS = Path(__file__).parents[2] / "../shared/data/weights"
OTHERS = {
    "rtmdet_nano_person_end2end.onnx": "rtmdet-nano",
    "yolox_nano.onnx": "yolox-nano",
    "yunet_n_dynamic.onnx": "yunet",
    "movenet_single_pose_lightning_ptq.tflite": "movenet-lightning",
}


def onnx_file(path, shape=("batch", 3, 256, 192), row: ModelSpec | None = None):
    """A network that returns its input."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("input", "output")]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])], "toy", ends[:1], ends[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if row:
        helper.set_model_props(model, {"author": "me", METADATA_KEY: row.to_json()})
    onnx.save(model, path)
    return path


def test_a_file_like_a_known_one_becomes_a_model(tmp_path, cache):
    spec = add(onnx_file(tmp_path / "Mine v2.onnx"), like="rtmpose-m")
    assert spec.name == "mine-v2"
    assert find("mine-v2") == spec and "mine-v2" in catalogue()
    assert (spec.codec, spec.skeleton, spec.mean) == (
        find("rtmpose-m").codec,
        find("rtmpose-m").skeleton,
        find("rtmpose-m").mean,
    )
    assert list(pull(spec).values()) == [cache / "added" / "mine-v2.onnx"]


def test_the_copy_does_not_need_the_original(tmp_path, monkeypatch):
    original = onnx_file(tmp_path / "mine.onnx")
    spec = add(original, like="rtmpose-m")
    body = original.read_bytes()
    original.unlink()
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    assert next(iter(pull(spec).values())).read_bytes() == body


def test_a_damaged_copy_is_made_again_from_the_original(tmp_path):
    original = onnx_file(tmp_path / "mine.onnx")
    spec = add(original, like="rtmpose-m")
    kept = next(iter(pull(spec).values()))
    kept.write_bytes(b"")
    assert next(iter(pull(spec).values())).read_bytes() == original.read_bytes()


def test_figures_and_terms_of_the_published_file_are_not_claimed_for_another(tmp_path):
    spec = add(onnx_file(tmp_path / "mine.onnx"), like="rtmpose-m")
    assert not spec.metrics and "Apache" not in spec.license


def test_a_file_that_describes_itself_needs_no_like(tmp_path):
    row = replace(find("rtmpose-s"), name="body-s.mine", files=(), license="mine", metrics={"AP": 70.0})
    path = onnx_file(tmp_path / "export.onnx", row=row)
    assert spec_of_file(path) == row
    added = add(path, name="body-s.mine")
    assert replace(added, files=()) == row


def test_a_file_without_a_row_has_none(tmp_path):
    assert spec_of_file(onnx_file(tmp_path / "bare.onnx")) is None
    with pytest.raises(ValueError, match="does not say how it is read"):
        add(tmp_path / "bare.onnx")


def test_what_is_no_onnx_file_has_no_row(tmp_path):
    (tmp_path / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(5000))
    assert spec_of_file(tmp_path / "noise.onnx") is None


@pytest.mark.parametrize("start", [b"\x0a", b"\x72", b"\x72\x0b\x0a", b""])
def test_sizes_beyond_the_file_are_not_believed(tmp_path, start):
    """A length of 63 bits is more than can be skipped or allocated."""
    (tmp_path / "huge.onnx").write_bytes(start + b"\xff" * 8 + b"\x7f" + b"x")
    assert spec_of_file(tmp_path / "huge.onnx") is None


@pytest.mark.parametrize("shape", [(1, 3, 256, 256), (1, 1, 256, 192), (3, 256, 192)])
def test_a_file_of_another_form_than_its_row_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match=r"expected \(batch, 3, 256, 192\)"):
        add(onnx_file(tmp_path / "mine.onnx", shape), like="rtmpose-m")
    assert "mine" not in catalogue()


@pytest.mark.parametrize("shape", [(1, 256, 192, 3), ("b", 3, "h", "w")])
def test_channels_last_and_free_sizes_fit(tmp_path, shape):
    assert add(onnx_file(tmp_path / "mine.onnx", shape), like="rtmpose-m").name == "mine"


def test_a_file_that_cannot_be_opened_leaves_nothing_behind(tmp_path, cache):
    (tmp_path / "mine.onnx").write_bytes(b"not a network")
    with pytest.raises(ValueError, match="mine"):
        add(tmp_path / "mine.onnx", like="rtmpose-m")
    assert [file.name for file in cache.rglob("*") if file.is_file()] == ["mine.onnx.lock"]


@pytest.mark.parametrize(("name", "told"), [("mine.pth", "not an .onnx"), ("gone.onnx", "there is no file")])
def test_pickles_and_missing_files_are_refused(tmp_path, name, told):
    (tmp_path / "mine.pth").write_bytes(b"\x80\x04.")
    with pytest.raises(ValueError, match=told):
        add(tmp_path / name, like="rtmpose-m")


def test_the_name_of_another_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'rtmpose-s' is another model"):
        add(onnx_file(tmp_path / "mine.onnx"), like="rtmpose-m", name="rtmpose-s")


def test_a_model_that_users_bring_gets_its_file_by_its_own_name(tmp_path):
    path = onnx_file(tmp_path / "yolov8n-pose.onnx", (1, 3, 640, 640))
    with pytest.raises(PullError):
        pull(find("yolov8n-pose"))
    add(path, like="yolov8n-pose")
    assert pull(find("yolov8n-pose"))


def test_adding_again_replaces(tmp_path):
    add(onnx_file(tmp_path / "mine.onnx"), like="rtmpose-m")
    again = add(onnx_file(tmp_path / "mine.onnx", (1, 3, 384, 288)), like="rtmpose-m.384")
    assert find("mine") == again


def test_a_composed_model_is_added_by_its_parts(tmp_path):
    with pytest.raises(ValueError, match="mediapipe-face-mesh, mediapipe-iris"):
        add(onnx_file(tmp_path / "mine.onnx"), like="mediapipe-face-iris")


def test_removing_forgets_the_model_and_deletes_its_file(tmp_path, cache):
    add(onnx_file(tmp_path / "mine.onnx"), like="rtmpose-m")
    deleted = remove("mine")
    assert cache / "added" / "mine.onnx" in deleted
    assert "mine" not in catalogue() and (tmp_path / "mine.onnx").exists()
    with pytest.raises(ValueError, match="no model 'mine'"):
        remove("mine")


@pytest.mark.shared
@pytest.mark.parametrize("name", OTHERS)
def test_real_files_of_other_projects_fit_their_rows(name):
    if not WEIGHTS.is_dir():
        pytest.skip("../shared/data is not here")
    spec = add(WEIGHTS / name, like=OTHERS[name])
    assert find(spec.name).codec == find(OTHERS[name]).codec


@pytest.mark.shared
def test_the_published_file_itself_keeps_its_terms():
    if not WEIGHTS.is_dir():
        pytest.skip("../shared/data is not here")
    spec = add(
        WEIGHTS / "movenet_single_pose_lightning_ptq.tflite", like="movenet-lightning", name="movenet-mine"
    )
    assert spec.license == find("movenet-lightning").license and spec.metrics
