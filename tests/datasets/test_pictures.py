"""The cache of decoded pictures: what comes out is what was in the files, whoever made it and when."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections import namedtuple

import cv2
import numpy as np
import pytest
from PIL import Image

from odd_inputs import jpeg_with_orientation, picture
from pinpoint.datasets import pictures as module
from pinpoint.datasets.pictures import Pictures
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image, write_image

SIZES = [(64, 48), (31, 17), (1, 1)]


@pytest.fixture
def paths(tmp_path):
    for number, size in enumerate(SIZES):
        write_image(tmp_path / f"{number}.png", picture(*size))
    return [tmp_path / f"{number}.png" for number in range(len(SIZES))]


@pytest.fixture
def no_decoding(monkeypatch):
    """From now on, whoever decodes fails."""

    def forbid():
        def read(path):
            raise AssertionError(f"{path} is decoded again")

        monkeypatch.setattr(module, "read_image", read)

    return forbid


def test_pictures_come_out_as_they_are_in_the_files(paths, tmp_path):
    kept = Pictures(paths, tmp_path / "cache")
    for number, (path, size) in enumerate(zip(paths, SIZES, strict=True)):
        np.testing.assert_array_equal(kept[number], read_image(path))
        assert kept.size(number) == kept.original_size(number) == size
    assert len(kept) == 3 and kept.unreadable == ()


def test_a_picture_cannot_be_written_to(paths, tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        Pictures(paths, tmp_path / "cache")[0][:] = 0


def test_the_cache_is_used_again(paths, tmp_path, no_decoding):
    first = Pictures(paths, tmp_path / "cache")
    no_decoding()
    np.testing.assert_array_equal(Pictures(paths, tmp_path / "cache")[0], first[0])


def test_the_cache_is_made_again_when_a_file_changes(paths, tmp_path):
    Pictures(paths, tmp_path / "cache")
    write_image(paths[1], 255 - picture(31, 17))
    os.utime(paths[1], ns=(1, 1))  # a clock may be too coarse to tell
    np.testing.assert_array_equal(Pictures(paths, tmp_path / "cache")[1], 255 - picture(31, 17))


@pytest.mark.parametrize("other", [{"longest": 20}, {"paths": slice(0, 2)}])
def test_another_limit_or_choice_of_files_has_a_cache_of_its_own(other, paths, tmp_path):
    Pictures(paths, tmp_path / "cache")
    Pictures(paths[other.get("paths", slice(None))], tmp_path / "cache", longest=other.get("longest", 1024))
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 2


@pytest.mark.parametrize("suffix", [".bin", ".json"])
def test_a_cache_that_lost_a_file_or_its_end_is_made_again(suffix, paths, tmp_path):
    Pictures(paths, tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob(f"*{suffix}")
    file.write_bytes(b"") if suffix == ".bin" else file.unlink()
    np.testing.assert_array_equal(Pictures(paths, tmp_path / "cache")[2], picture(1, 1))


@pytest.mark.parametrize(("days", "there"), [(29, True), (31, False)])
def test_what_nobody_used_for_a_month_makes_room(days, there, paths, tmp_path):
    folder = tmp_path / "cache"
    Pictures(paths[:1], folder)
    (index,) = folder.glob("*.json")
    before = index.stat().st_mtime - days * 24 * 3600
    for path in (*folder.iterdir(), folder / "mine.json"):
        path.touch()
        os.utime(path, (before, before))
    Pictures(paths[1:], folder)
    assert (index.exists(), index.with_suffix(".bin").exists()) == (there, there)
    assert (folder / "mine.json").exists()


def test_what_is_used_again_stays(paths, tmp_path):
    folder = tmp_path / "cache"
    Pictures(paths[:1], folder)
    (index,) = folder.glob("*.json")
    os.utime(index, (1, 1))
    Pictures(paths[:1], folder)
    Pictures(paths[1:], folder)
    assert index.exists()


def test_a_large_picture_is_shrunk_and_its_first_size_is_known(tmp_path):
    write_image(tmp_path / "wide.png", cv2.resize(picture(8, 4), (400, 200), interpolation=cv2.INTER_CUBIC))
    kept = Pictures([tmp_path / "wide.png"], tmp_path / "cache", longest=100)
    assert (kept.size(0), kept.original_size(0)) == ((100, 50), (400, 200))
    expected = cv2.resize(read_image(tmp_path / "wide.png"), (100, 50), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(kept[0], expected)


def test_unreadable_pictures_are_named_and_the_others_are_there(paths, tmp_path, warned):
    paths[1].write_bytes(paths[1].read_bytes()[:50])
    kept = Pictures([*paths, tmp_path / "gone.png"], tmp_path / "cache")
    assert kept.unreadable == (1, 3)
    assert f"left out: {paths[1]}: it is cut off" in warned()
    assert f"left out: {tmp_path / 'gone.png'}: " in warned()
    np.testing.assert_array_equal(kept[2], picture(1, 1))
    with pytest.raises(UnreadableError, match=r"1\.png.*cut off"):
        kept[1]


def test_unreadable_pictures_are_named_again_when_the_cache_is_used_again(paths, tmp_path, warned, caplog):
    paths[1].write_bytes(b"no picture")
    Pictures(paths, tmp_path / "cache")
    said = warned()
    caplog.clear()
    Pictures(paths, tmp_path / "cache")
    assert said == warned() != ""


def test_of_many_unreadable_pictures_five_are_named(tmp_path, warned):
    Pictures([tmp_path / f"{number}.png" for number in range(12)], tmp_path / "cache")
    assert len(warned().splitlines()) == 6 and "left out: 7 more pictures" in warned()


def test_progress_counts_every_picture(paths, tmp_path):
    told = []
    Pictures(paths, tmp_path / "cache", progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def odd_picture(kind, path):
    """Write a picture of 40 x 24 in an odd form."""
    if kind == "turned":
        jpeg_with_orientation(path, np.ascontiguousarray(np.rot90(picture(40, 24))), 6)
    elif kind == "cmyk":
        Image.fromarray(picture(40, 24)).convert("CMYK").save(path, format="JPEG")
    else:
        cv2.imwrite(str(path), picture(40, 24)[..., 0].astype(np.uint16) * 16)  # 12 of 16 bits


@pytest.mark.parametrize("kind", ["turned", "cmyk", "12-bit grey"])
def test_odd_pictures_are_kept_as_they_are_read(kind, tmp_path):
    path = tmp_path / ("a.png" if kind == "12-bit grey" else "a.jpg")
    odd_picture(kind, path)
    kept = Pictures([path], tmp_path / "cache")
    assert kept[0].shape == (24, 40, 3) and kept[0].dtype == np.uint8
    np.testing.assert_array_equal(kept[0], read_image(path))


def test_how_much_is_to_be_decoded_is_said_before(paths, tmp_path, caplog):
    caplog.set_level(logging.INFO, "pinpoint")
    Pictures(paths[:1] * 500, tmp_path / "cache")
    assert "decoding 500 pictures into" in caplog.text and "about 4.6 MB" in caplog.text  # 500 * 64 * 48 * 3


def test_a_disk_that_is_too_small_is_an_error_before_anything_is_written(paths, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(0, 0, 5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match=r"No space|decoded pictures take about 0.0 MB"):
        Pictures(paths, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.bin"))


def test_what_cannot_be_written_leaves_nothing_behind(paths, tmp_path, monkeypatch):
    def full(path, longest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_read", full)
    with pytest.raises(OSError, match="No space left"):
        Pictures(paths, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


MAKE = """
import json, sys
from pathlib import Path
from pinpoint.datasets import pictures
read, decoded = pictures.read_image, []
pictures.read_image = lambda path: decoded.append(path) or read(path)
kept = pictures.Pictures([Path(path) for path in sys.argv[2:]], Path(sys.argv[1]))
print(json.dumps([len(decoded), [int(kept[number].astype(int).sum()) for number in range(len(kept))]]))
"""


def test_processes_that_want_the_same_cache_make_it_once(tmp_path):
    for number in range(20):
        write_image(tmp_path / f"{number}.png", picture(300 + number, 200))
    paths = [str(tmp_path / f"{number}.png") for number in range(20)]
    command = [sys.executable, "-c", MAKE, str(tmp_path / "cache"), *paths]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    (first, sums), (second, same) = (json.loads(process.communicate(timeout=120)[0]) for process in running)
    assert sorted([first, second]) == [0, 20]
    assert sums == same == [int(read_image(path).astype(int).sum()) for path in paths]


def test_a_cache_without_any_readable_picture_is_a_cache(tmp_path):
    assert Pictures([tmp_path / "gone.png"], tmp_path / "cache").unreadable == (0,)
    assert len(Pictures([], tmp_path / "cache")) == 0
