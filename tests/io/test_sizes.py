import numpy as np
import PIL.Image
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.io.sizes import size_of_picture


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp", "gif"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_size_is_that_of_the_picture_as_it_is_read(suffix, orientation, tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"x.{suffix}"
    said = {"exif": exif} if suffix not in ("bmp", "gif") else {}
    PIL.Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path, **said)
    assert size_of_picture(path) == read_image(path).shape[1::-1]


def test_a_jpeg_with_a_long_head_is_measured(tmp_path):
    path = tmp_path / "x.jpg"
    PIL.Image.new("RGB", (30, 20)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + (b"\xff\xfe\xff\xff" + bytes(0xFFFD)) * 2 + data[2:])
    assert size_of_picture(path) == (30, 20)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_whole_header_is_named(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"x\.png"):
        size_of_picture(tmp_path / "x.png")
