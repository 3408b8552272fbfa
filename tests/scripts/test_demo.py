"""`make demo IMAGES="..."`, which hands the pictures on to the script."""

import runpy
from pathlib import Path

import pytest

import pinpoint as pp

DEMO = Path(__file__).parents[2] / "scripts/demo.py"


@pytest.mark.network
def test_every_picture_is_drawn_and_one_that_cannot_be_read_is_named(
    astronaut, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    for path in ("mine.jpg", "other/mine.jpg"):
        pp.write_image(path, astronaut[:256])
    Path("broken.jpg").write_bytes(b"")
    main = runpy.run_path(str(DEMO))["main"]
    assert main(["mine.jpg", "broken.jpg", "other/mine.jpg"]) == 1
    told = capsys.readouterr()
    drawn = [line.removeprefix("drawn in ") for line in told.out.splitlines() if line.startswith("drawn")]
    assert drawn == [f"demo-output/{name}.png" for name in ("astronaut", "mine", "mine-2")]
    assert [pp.read_image(path).shape for path in drawn] == [(512, 512, 3), (256, 512, 3), (256, 512, 3)]
    assert "broken.jpg" in told.err and "empty" in told.err
