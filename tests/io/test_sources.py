import os
from pathlib import Path

import pytest
from PIL import Image

from odd_inputs import make_video, picture
from pinpoint.io.images import write_image
from pinpoint.io.sources import PICTURE_SUFFIXES, VIDEO_SUFFIXES, Source, find_sources


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names):
    """Files that are told by their suffix alone; nothing reads them."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"?")


def paths(*inputs):
    sources, errors = find_sources(inputs)
    assert not errors
    return [source.path for source in sources]


def test_a_folder_gives_its_pictures_and_videos_in_natural_order(here):
    """Those of the folder itself before those of its subfolders, as a file manager shows them."""
    touch("in/10.jpg", "in/2.JPG", "in/a.mp4", "in/notes.txt", "in/b/1.png", "in/b/c/x.webp", "in/A3.tif")
    expected = ["in/2.JPG", "in/10.jpg", "in/a.mp4", "in/A3.tif", "in/b/1.png", "in/b/c/x.webp"]
    assert paths("in") == [str(Path(name)) for name in expected]


def test_hidden_files_and_folders_are_passed_over(here):
    touch("in/a.jpg", "in/.b.jpg", "in/._a.jpg", "in/.cache/c.jpg")
    assert paths("in") == [str(Path("in", "a.jpg"))]


def test_links_in_a_circle_end(here):
    touch("in/deep/a.jpg")
    Path("in/deep/up").symlink_to("..")
    Path("in/itself").symlink_to("itself")
    assert paths("in") == [str(Path("in", "deep", "a.jpg"))]


def test_a_linked_folder_is_followed(here):
    touch("elsewhere/a.jpg", "in/b.jpg")
    Path("in/more").symlink_to("../elsewhere")
    assert paths("in") == [str(Path("in", "b.jpg")), str(Path("in", "more", "a.jpg"))]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["1.jpg", "2.jpg", "10.jpg"]),
        ("[12].jpg", ["1.jpg", "2.jpg"]),
        ("?.*", ["1.jpg", "2.jpg"]),
        ("**/*.png", ["d/a.png", "d/e/b.png"]),
        ("d/*", ["d/a.png", "d/e/b.png"]),
    ],
)
def test_patterns(pattern, expected, here):
    touch("10.jpg", "2.jpg", "1.jpg", "d/a.png", "d/e/b.png", "3.txt")
    assert sorted(paths(pattern)) == sorted(str(Path(name)) for name in expected)
    assert paths(pattern)[0] == str(Path(expected[0]))


def test_a_name_that_looks_like_a_pattern_is_a_name_where_it_exists(here):
    touch("a[1].jpg", "a1.jpg")
    assert paths("a[1].jpg") == ["a[1].jpg"]


def test_a_named_file_is_what_it_holds(here):
    """Whatever its suffix, or without one; what says nothing by its content is told by its suffix."""
    Image.fromarray(picture()).save("photo", "JPEG")
    Image.fromarray(picture()).save("photo.mp4", "PNG")
    make_video(here / "a.mp4", [picture()])
    Path("a.mp4").rename("clip.jpg")
    touch("broken.jpg", "broken.mov")
    Path("dangling.png").symlink_to("nowhere")
    names = ["photo", "photo.mp4", "clip.jpg", "broken.jpg", "broken.mov", "dangling.png"]
    sources, errors = find_sources(names)
    assert [source.path for source in sources] == names and not errors
    assert [source.kind for source in sources] == ["image", "image", "video", "image", "video", "image"]


def test_each_file_counts_once(here):
    touch("in/a.jpg", "in/b.jpg")
    Path("in/link.jpg").symlink_to("a.jpg")
    assert paths("in/b.jpg", "in", "in/*", "./in/b.jpg", str(here / "in")) == [
        "in/b.jpg",
        str(Path("in", "a.jpg")),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", Source("camera", "0")),
        ("12", Source("camera", "12")),
        ("rtsp://host:554/live?x=*", Source("stream", "rtsp://host:554/live?x=*")),
        ("HTTPS://host/a.mp4", Source("stream", "HTTPS://host/a.mp4")),
        ("udp://@:1234", Source("stream", "udp://@:1234")),
    ],
)
def test_cameras_and_streams(given, expected, here):
    assert find_sources([given]) == ([expected], [])


def test_a_folder_called_0_is_a_folder(here):
    touch("0/a.jpg")
    assert paths("0") == [str(Path("0", "a.jpg"))]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("nowhere.jpg", "does not exist"),
        ("-", "stdin is not read"),
        ("https://example.org/a.JPG?size=large", "pictures are not fetched from the web: download it first"),
        ("", "does not exist"),
        ("2024", "does not exist"),
        ("shots/%04d.jpg", 'for numbered pictures write "shots/*.jpg"'),
        ("empty", "without pictures"),
        ("*.nothing", "no picture or video matches"),
        ("notes.txt", "text"),
        ("nul\0.jpg", "does not exist"),
    ],
)
def test_what_means_nothing_is_named_and_the_rest_found(given, reason, here):
    Path("empty").mkdir()
    Path("notes.txt").write_text("notes\n")
    write_image("a.png", picture())
    sources, errors = find_sources([given, "a.png"])
    assert sources == [Source("image", "a.png")]
    assert [error.path for error in errors] == [given] and reason in errors[0].reason


def test_the_name_that_linux_gives_a_camera_is_its_number(here):
    assert find_sources(["/dev/video2", "2"]) == ([Source("camera", "2")], [])


def test_a_folder_that_may_not_be_listed_is_named(here, monkeypatch):
    touch("in/a.jpg", "in/shut/b.jpg")
    listdir = os.listdir

    def refuse(folder):
        if folder.endswith("shut"):
            raise PermissionError(13, "Permission denied", folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    sources, (error,) = find_sources(["in"])
    assert [source.path for source in sources] == [str(Path("in", "a.jpg"))]
    assert error.path == str(Path("in", "shut")) and "Permission denied" in error.reason


def test_no_suffix_is_both():
    assert not PICTURE_SUFFIXES & VIDEO_SUFFIXES
