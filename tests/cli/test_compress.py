"""`pinpoint compress`: what it says, keeps and returns."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pinpoint.cli.app import app
from pinpoint.cli.compressing import Allowed, Learning, answered, config_of_run, learn
from pinpoint.training.compress.table import Comparison, Figures, Limits


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compress", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("int8", "no-run", "--out", "small.onnx"), 1, "no-run"),
        (("int8", "no-run", "--out", "small.bin"), 2, "expected an .onnx file"),
        (("prune", "no-run", "--out", "o"), 2, "does not say what to learn from"),
        (("distill", "--teacher", "no-model", "--out", "o"), 2, "does not say what to learn from"),
        (("int8", "run"), 2, "--out"),
        (("int8", "run", "--out", "a.onnx", "--time", "0"), 2, "time"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, status, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, output = _run(*arguments)
    assert (found, words in output) == (status, True), output


def test_a_package_that_is_missing_is_named_with_what_installs_it(capsys):
    assert answered(lambda: 0, ("torch", "no_such_package")) == 2
    assert 'no-such-package, which are not installed: pip install "pinpoint-keypoints[train]"' in (
        " ".join(capsys.readouterr().err.split())
    )


def _finished(monkeypatch, ratio: float) -> None:
    """A run is trained by writing two files, and compared by hearsay."""
    figures = Figures(1, 1.0, {"AP": 0.5})
    comparison = Comparison(figures, figures, ratio, limits=Limits(0.01, 0.6))

    def train(request):
        for name in ("best.safetensors", "best.json", "config.toml"):
            (request.out / name).write_text('model = "plain-n"\ndata = [{annotations = "a.json"}]\n', "utf-8")
        return 0

    monkeypatch.setattr("pinpoint.cli.train.run_training", train)
    monkeypatch.setattr("pinpoint.training.compress.verdict.validation_samples", lambda *_: None)
    monkeypatch.setattr("pinpoint.training.compress.verdict.compare_models", lambda *_: comparison)


@pytest.mark.parametrize(
    ("ratio", "keep", "status", "kept"),
    [(0.5, False, 0, "best"), (0.9, False, 1, "failed"), (0.9, True, 1, "best")],
)
def test_what_fails_is_set_aside_unless_it_shall_be_kept(ratio, keep, status, kept, tmp_path, monkeypatch):
    _finished(monkeypatch, ratio)
    asked = Learning(dict, [], tmp_path, None, False, 0, "before", ("before", "after"))
    assert learn(asked, Allowed(0.01, 0.6, keep)) == status
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [f"{kept}.safetensors"]


def test_a_run_goes_on_with_its_own_data_unless_other_files_are_named(tmp_path):
    toml = 'model = "plain-n"\nroot = "/data"\ndata = [{annotations = "a.json"}]\n[distill]\nteacher = "x"\n'
    (tmp_path / "config.toml").write_text(toml, "utf-8")
    own = config_of_run(tmp_path, None, None)
    assert own == {"model": "plain-n", "root": "/data", "data": [{"annotations": "a.json"}]}
    other = config_of_run(tmp_path / "best.safetensors", ["b.json"], "c.json")
    assert other["data"] == [{"annotations": str(Path("b.json").resolve())}]
    assert (other["root"], other["val"]) == ("", [{"annotations": str(Path("c.json").resolve())}])
