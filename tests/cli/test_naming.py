from pathlib import Path

import pytest

from pinpoint.cli.naming import drawing_paths, without_own_output
from pinpoint.io.sources import Source, name_of

OUT = Path("out")


def names(*sources):
    return [str(path.relative_to(OUT)) for path in drawing_paths(sources, OUT).values()]


@pytest.mark.parametrize(
    ("kind", "path", "name"),
    [
        ("image", "in/a.jpg", "a.jpg"),
        ("image", "in/a.PNG", "a.PNG"),
        ("image", "in/a.gif", "a.gif.png"),
        ("image", "in/a.heic", "a.heic.jpg"),
        ("image", "in/a", "a.png"),
        ("video", "in/a.mp4", "a.mp4"),
        ("video", "in/a.avi", "a.avi.mp4"),
        ("camera", "0", "camera-0.mp4"),
        ("stream", "rtsp://me:secret@door:554/live/1?key=2", "stream-door-554-live-1.mp4"),
    ],
)
def test_a_drawing_is_named_as_its_source(kind, path, name):
    assert names(Source(kind, path)) == [name]


def test_folders_are_kept_from_where_they_part():
    sources = [Source("image", path) for path in ("in/a/1.jpg", "in/a/b/1.jpg", "in/c/1.jpg")]
    assert names(*sources) == ["a/1.jpg", "a/b/1.jpg", "c/1.jpg"]


def test_no_two_drawings_share_a_name():
    paths = ["a.gif", "a.png", "a.gif.jpg", "a.mp4", "a.avi", "b/a.gif"]
    streams = [Source("stream", f"http://cam/{number}?{number}") for number in (1, 1, 2)]
    given = [Source("video" if path[-3:] in ("mp4", "avi") else "image", path) for path in paths]
    drawn = names(*given, Source("stream", "http://cam/1?0"), *streams[1:])
    assert len(set(drawn)) == len(drawn) == 9


def test_passwords_do_not_get_into_results():
    assert name_of(Source("stream", "rtsp://me:secret@door/live")) == "rtsp://door/live"


def test_a_link_to_an_input_is_not_written_through(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="would replace an input"):
        drawing_paths([Source("image", str(tmp_path / "a.jpg"))], tmp_path / "out")


@pytest.mark.parametrize(
    ("inputs", "left"), [(["."], 1), (["**/*.jpg"], 1), (["out/*.jpg", "a.jpg"], 2), (["out"], 2)]
)
def test_earlier_drawings_are_inputs_only_where_they_are_named(inputs, left, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = [Source("image", "a.jpg"), Source("image", "out/a.jpg")]
    assert len(without_own_output(sources, inputs, OUT)) == left
