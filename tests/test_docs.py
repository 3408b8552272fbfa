"""Every code block of the documentation runs, and every command line in it is one that the program knows.

The blocks of a page run in order and share their names, in a folder of its own that holds `people.jpg`. What
a page needs beyond that it says in a comment: `<!-- needs: network -->` for models that have to be fetched,
`<!-- needs: shared -->` for the shared data. With `<!-- runs: console -->` its command lines run, too.
"""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.core import TyperGroup

import pinpoint as pp
from pinpoint.cli.app import app
from pinpoint.io.video_writer import VideoWriter

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"<!-- needs: (\w+) -->")
# A line of a block, after a prompt and settings of the environment, or a piece of code within a sentence.
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S* )*pinpoint (?P<arguments>[^#|>\n]*)", re.MULTILINE)
RUNS_CONSOLE = "<!-- runs: console -->"
SENTENCE = re.compile(r"`pinpoint (?P<arguments>[^`]*)`")


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and code of every block; the code begins in the same line as in the page."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start("code"))
        yield block["language"], "\n" * line + block["code"]


def _pages() -> Iterator[object]:
    for page in PAGES:
        needs = NEEDS.findall(page.read_text(encoding="utf-8"))
        yield pytest.param(page, id=page.stem, marks=[getattr(pytest.mark, need) for need in needs])


def _command_lines() -> Iterator[object]:
    for page in PAGES:
        commands = list(SENTENCE.finditer(BLOCK.sub("", page.read_text(encoding="utf-8"))))
        for language, code in _blocks(page):
            commands += COMMAND.finditer(code) if language != "python" else ()
        for line in sorted({" ".join(command["arguments"].split()) for command in commands}):
            yield pytest.param(line, id=f"{page.stem}: {line}")


@pytest.fixture(scope="module")
def film(astronaut, tmp_path_factory) -> Path:
    """A third of a second of one person who stands still."""
    path = tmp_path_factory.mktemp("film") / "people.mp4"
    with VideoWriter(path, (512, 512), fps=25) as video:
        for _ in range(8):
            video.write(astronaut)
    return path


@pytest.mark.parametrize("page", list(_pages()))
def test_the_code_of_a_page_runs(page, astronaut, film, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pp.write_image("people.jpg", astronaut)
    shutil.copy(film, "people.mp4")
    names: dict[str, object] = {"__name__": page.stem}
    runs_console = RUNS_CONSOLE in page.read_text(encoding="utf-8")
    for language, code in _blocks(page):
        if language == "python":
            exec(compile(code, page, "exec"), names)
        elif language == "console" and runs_console:
            _run_console(code)


def _run_console(code: str) -> None:
    """Run every line as a user in a checkout would; nothing is installed."""
    programs = {"python": [], "pinpoint": ["-m", "pinpoint"]}
    for line in code.strip().splitlines():
        program, *arguments = shlex.split(line)
        if program != "pip":
            own = [str(ROOT / word) if word.startswith("scripts/") else word for word in arguments]
            command = [sys.executable, *programs[program], *own]
            own_cache = os.environ | {"PINPOINT_CACHE": str(Path("pinpoint-cache").resolve())}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=own_cache)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("line", list(_command_lines()))
def test_a_command_line_of_the_documentation_is_understood(line):
    command, arguments = typer.main.get_command(app), shlex.split(line)
    context = command.make_context("pinpoint", arguments)
    while isinstance(command, TyperGroup):
        name, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None and name is not None
        context = command.make_context(name, arguments, parent=context)


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES[1:]} - {"index.md"}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files_that_are_there(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.network
def test_the_readme_shows_what_the_demo_prints(tmp_path, monkeypatch, capsys):
    """To two pixels, since processors round differently; the sketch above the words is not compared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo.py"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(ROOT / "scripts/demo.py"), run_name="__main__")
    printed = capsys.readouterr().out
    shown = next(code for language, code in _blocks(PAGES[0]) if language == "text")
    (words, numbers), (shown_words, shown_numbers) = map(_taken_apart, (printed, shown))
    assert shown_words == words
    np.testing.assert_allclose(shown_numbers, numbers, atol=2)


def _taken_apart(text: str) -> tuple[list[str], list[int]]:
    """Words and numbers of what stands below the sketch."""
    words = text[text.index("astronaut") :]
    return re.split(r"\d+", words), [int(number) for number in re.findall(r"\d+", words)]
