import subprocess
import sys

import pytest

from pinpoint.runtime import open_session

FRESH = """
import sys
from pinpoint.runtime import open_session
{action}
print(*sorted({{"onnxruntime", "ai_edge_litert", "cv2"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("action", "engines"),
    [
        ("", ""),
        ("open_session('model.onnx')", "onnxruntime"),
        ("open_session('model.tflite')", "ai_edge_litert"),
    ],
)
def test_an_engine_is_imported_when_a_model_needs_it(
    tmp_path, doubling_onnx, doubling_tflite, action, engines
):
    (tmp_path / "model.onnx").write_bytes(doubling_onnx(("B", 3)))
    (tmp_path / "model.tflite").write_bytes(doubling_tflite)
    assert fresh(FRESH.format(action=action), tmp_path).stdout.strip() == engines


def test_the_note_on_the_delegate_stays_off_the_terminal_and_nothing_else_does(tmp_path, doubling_tflite):
    """The note comes from C++ once per process, and so do the words that share its way out."""
    (tmp_path / "model.tflite").write_bytes(doubling_tflite)
    speak = "import os\nfrom pinpoint.runtime import litert\nwith litert._without_delegate_message():\n"
    speak += " os.write(2, b'a word of another\\n')\n"
    code = speak + FRESH.format(action="open_session('model.tflite')")
    assert fresh(code, tmp_path).stderr == "a word of another\n"


@pytest.mark.parametrize("name", ["model.pb", "model", "model.onnx.zip"])
def test_a_suffix_that_no_engine_runs_is_named(name):
    with pytest.raises(ValueError, match=rf"{name}.*expected \.onnx, \.tflite, \.xml or \.npz"):
        open_session(name)


def test_suffixes_are_read_in_any_case(tmp_path, doubling_onnx):
    (tmp_path / "MODEL.ONNX").write_bytes(doubling_onnx(("B", 3)))
    assert open_session(tmp_path / "MODEL.ONNX").input.name == "image"


def test_a_provider_for_a_tflite_file_is_refused(tmp_path, doubling_tflite):
    (tmp_path / "model.tflite").write_bytes(doubling_tflite)
    with pytest.raises(ValueError, match="run on the CPU, not on cuda"):
        open_session(tmp_path / "model.tflite", providers=("cuda", "cpu"))


def fresh(code, folder):
    """Run in an interpreter that has imported nothing yet."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
