import errno
import io
from pathlib import Path

import pytest
from PIL import Image

from odd_inputs import make_video, picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import PICTURES, UNSUPPORTED, VIDEOS, file_head, file_kind, replacing

FORMATS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tiff",
    "PPM": "pnm",
    "JPEG2000": "jpeg2000",
    "AVIF": "avif",
    "PDF": "pdf",
}
CODECS = {
    ".mp4": ("libx264", "mp4"),
    ".mov": ("libx264", "mp4"),
    ".mkv": ("libx264", "matroska"),
    ".webm": ("libvpx", "matroska"),
    ".avi": ("mpeg4", "avi"),
    ".ts": ("libx264", "mpeg-ts"),
    ".m2ts": ("libx264", "mpeg-ts"),
    ".mpg": ("mpeg2video", "mpeg-ps"),
    ".flv": ("flv", "flv"),
    ".wmv": ("wmv2", "wmv"),
}


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_are_known_by_their_first_bytes(form):
    data = io.BytesIO()
    Image.fromarray(picture()).save(data, form)
    assert file_kind(data.getvalue()[:512]) == FORMATS[form]


@pytest.mark.parametrize("suffix", CODECS)
def test_videos_are_known_by_their_first_bytes(suffix, tmp_path):
    codec, kind = CODECS[suffix]
    make_video(tmp_path / f"a{suffix}", [picture()] * 2, codec=codec)
    assert file_kind(file_head(tmp_path / f"a{suffix}")) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", ""),
        (b"BMW drives past", "text"),
        ("Grüße an 猫".encode()[:-1], "text"),
        ("Grüße".encode("latin-1"), ""),
        (b"\x00\x01\x02", ""),
        (b"\xef\xbb\xbf<svg xmlns=", "svg"),
        (b"  <!DOCTYPE HTML>", "html"),
        (b"P7 8", "text"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "audio"),
    ],
)
def test_what_else_there_is(head, kind):
    assert file_kind(head) == kind


def test_every_kind_is_read_or_has_its_reason():
    assert not PICTURES & VIDEOS
    assert not (PICTURES | VIDEOS) & set(UNSUPPORTED)


def test_replacing_shows_the_new_file_only_when_it_is_whole(tmp_path):
    (tmp_path / "a").write_text("old")
    with replacing(tmp_path / "a") as part:
        part.write_text("new")
        assert (tmp_path / "a").read_text() == "old" and part.parent == tmp_path
    assert (tmp_path / "a").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_written_is_named_as_it_was_asked_for(named, tmp_path):
    """Nobody knows the temporary name."""
    with pytest.raises(OSError, match="No space") as caught, replacing(tmp_path / "a") as part:
        raise OSError(errno.ENOSPC, "No space left on device", *([str(part)] if named else []))
    assert caught.value.filename == str(tmp_path / "a")


def test_another_file_that_fails_meanwhile_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename == str(tmp_path / "other")


def test_replacing_puts_nothing_over_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "permission"),
        (OSError(errno.EIO, "Input/output error"), "disk"),
        (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle"),
    ],
)
def test_what_the_system_refuses_is_said_in_words(error, reason, tmp_path, monkeypatch):
    def refuse(*_):
        raise error

    (tmp_path / "a.jpg").write_bytes(b"?")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableError, match=reason):
        file_head(tmp_path / "a.jpg")
