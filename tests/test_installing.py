"""Every word on installing names a package and an extra that exist, in documents, code and messages."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PLACES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "scripts").glob("*.py")),
]
# Up to where a sentence, a string or a piece of code ends.
LINE = re.compile(r"pip install ((?:--?[\w-]+ +)*)((?:[\"']?[\w.-]+(?:\[[\w,{}-]+\])?[\"']? ?)+)")
WORD = re.compile(r"[\"']?([\w.-]+)(?:\[([\w,{}-]+)\])?")
NAMED = re.compile(r"extras? [`']([a-z0-9]+)[`']")
NEEDED = re.compile(r"needed\(\s*\"[\w.]+\",\s*\"(\w+)\"\s*\)")
OTHERS = {"dlib", "dlib-bin", "pillow", "scikit-image"}  # no extra of ours brings these


def _installed(path: Path) -> Iterator[tuple[str, str]]:
    """Packages that a file says to install, with their extras."""
    for line in LINE.finditer(path.read_text(encoding="utf-8")):
        quoted = line[2].strip().startswith(('"', "'"))
        words = WORD.findall(line[2])
        yield from words[: None if path.suffix == ".md" and not quoted else 1]


def _asked() -> list[object]:
    told = [(path, *pair) for path in PLACES for pair in dict.fromkeys(_installed(path))]
    return [
        pytest.param(name, extras, id=f"{path.relative_to(ROOT)}: {name}[{extras}]")
        for path, name, extras in told
    ]


def _package(requirement: str) -> str:
    return re.split(r"[\[<>=~! ;]", requirement)[0].lower()


@pytest.mark.parametrize(("name", "extras"), _asked())
def test_what_is_to_be_installed_exists(name, extras):
    brought = {_package(line) for lines in EXTRAS.values() for line in lines} | OTHERS
    if name.startswith(".") or name == PROJECT["name"]:
        assert {extra for extra in extras.split(",") if extra and "{" not in extra} <= set(EXTRAS)
    else:
        assert (name.lower() in brought, extras) == (True, "")


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_extra_that_is_spoken_of_exists(path):
    text = path.read_text(encoding="utf-8")
    assert {*NAMED.findall(text), *NEEDED.findall(text)} <= set(EXTRAS)


def test_a_word_on_installing_is_found_where_there_is_one():
    told = {name for path in PLACES for name, _ in _installed(path)}
    assert {".", PROJECT["name"], "dlib-bin", "h5py", "pillow-heif"} <= told
