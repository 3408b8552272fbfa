"""The page that is shipped is built from its sources, is small, and needs nothing from elsewhere."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB, PAGE = ROOT / "web", ROOT / "src/pinpoint/serve/page"
SOURCES = (
    "src",
    "public",
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
)


def test_the_build_is_that_of_the_sources():
    """If this fails: `cd web && npm ci && npm run build`."""
    if not WEB.is_dir():
        pytest.skip("needs web/, which packages leave out")
    paths = [path for name in SOURCES for path in (WEB / name, *(WEB / name).rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.relative_to(WEB).as_posix()):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    assert (PAGE / "sources.sha256").read_text().strip() == digest.hexdigest()


def test_the_build_is_small():
    assert sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file()) < 300_000


def test_the_build_names_no_other_server():
    text = "".join(path.read_text(encoding="utf-8") for path in PAGE.rglob("*") if path.is_file())
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}", text))
    assert addresses <= {"http://www.w3.org"}  # the name of SVG, which nobody fetches


def test_files_that_the_page_asks_for_are_there():
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    asked = re.findall(r'(?:src|href)="\./([^"]+)"', html)
    assert len(asked) >= 3
    assert [name for name in asked if not (PAGE / name).is_file()] == []


@pytest.mark.parametrize("name", ["typescript", "vite"])
def test_tools_are_pinned(name):
    if not WEB.is_dir():
        pytest.skip("needs web/, which packages leave out")
    assert re.search(rf'"{name}": "\d+\.\d+\.\d+"', (WEB / "package.json").read_text(encoding="utf-8"))
