"""The house rules: a light import, one list of public names, layers, and versions that are written once."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import pinpoint as pp

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "onnxruntime",
    "ai_edge_litert",
    "fastapi",
    "pyarrow",
    "matplotlib",
    "av",
    "PIL",
    "rich",
    "typer",
)
# The time is the processor's, not the clock's, so that a busy machine does not fail the test.
IMPORT = """
import json, sys, time
import cv2, numpy
start = time.process_time()
import pinpoint
print(json.dumps({"seconds": time.process_time() - start, "modules": sorted(sys.modules)}))
"""


def _fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


@pytest.fixture(scope="module")
def imported() -> dict:
    return json.loads(_fresh(IMPORT))


@pytest.mark.parametrize("module", HEAVY)
def test_importing_pinpoint_does_not_load(module, imported):
    assert module not in imported["modules"]


def test_importing_pinpoint_takes_less_than_150_ms_beyond_numpy_and_cv2(imported):
    assert imported["seconds"] < 0.15


@pytest.mark.parametrize("name", sorted(set(pp.__all__) - {"__version__"}))
def test_a_public_name_is_what_its_home_defines(name):
    assert getattr(pp, name) is getattr(importlib.import_module(pp._HOMES[name]), name)
    assert name in dir(pp)


def test_every_home_is_public_and_the_other_way_round():
    assert set(pp.__all__) == {*pp._HOMES, "__version__"}


def test_type_checkers_are_told_the_same_homes_as_the_interpreter():
    tree = ast.parse(Path(pp.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in guard.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == pp._HOMES


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'pinpoint' has no attribute 'laod'"):
        pp.laod  # noqa: B018


def test_the_version_is_that_of_the_project_file():
    assert pp.__version__ == _project()["project"]["version"]


def test_imports_point_down():
    """The contracts of the project file: layers, and no torch outside its own."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_the_contract_on_torch_covers_every_module_but_the_four_that_may_use_it():
    _, torch = _project()["tool"]["importlinter"]["contracts"]
    here = {path.stem for path in Path(pp.__file__).parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    bound = here - {"__init__", "__pycache__", "models", "losses", "datasets", "training"}
    assert {name.removeprefix("pinpoint.") for name in torch["source_modules"]} == bound


def test_a_protocol_is_defined_once():
    """Two of one name that ask for different things are two protocols, in modules far apart."""
    protocols = [(node.name, _asked(node)) for _, node in _definitions(ast.ClassDef) if _is_protocol(node)]
    assert len(protocols) > 20
    assert [one for one, times in Counter(protocols).items() if times > 1] == []


def test_a_threshold_is_written_once_in_its_package():
    """Whoever changes one would miss the others."""
    thresholds = [
        (path.parent.name, target.id, ast.dump(node.value))
        for path, node in _definitions(ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.startswith(("MIN_", "LEAST_", "MOST_"))
    ]
    assert len(thresholds) > 10
    assert [one for one, times in Counter(thresholds).items() if times > 1] == []


def _definitions(kind: type[ast.stmt]) -> list[tuple[Path, ast.stmt]]:
    """Statements of a kind at the top of every module, with its path."""
    paths = sorted(Path(pp.__file__).parent.rglob("*.py"))
    trees = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    return [(path, node) for path, tree in trees for node in tree.body if isinstance(node, kind)]


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def _asked(node: ast.ClassDef) -> tuple[str, ...]:
    """Attributes and methods, with their parameters."""
    fields = [ast.dump(one) for one in node.body if isinstance(one, ast.AnnAssign)]
    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    return (*fields, *(f"{one.name} {ast.dump(one.args)}" for one in methods))


def test_every_requirement_has_a_tested_version():
    project = _project()["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {_name(requirement) for requirement in wanted} - {project["name"]}
    assert names <= set(_pins())


def test_the_hooks_before_a_commit_run_the_ruff_of_the_checks():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"ruff==([\d.]+)", hooks)) == {_pins()["ruff"]}


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {_name(line): line.split("==")[1] for line in lines if "==" in line and not line.startswith("#")}


def _name(requirement: str) -> str:
    """`Pillow_HEIF[x]>=1` is `pillow-heif`."""
    return re.split(r"[\[<>=~! ;]", requirement)[0].lower().replace("_", "-")
