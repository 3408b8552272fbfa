import logging
import os
import signal
import subprocess
import sys
import textwrap

import av
import numpy as np
import pytest

from odd_inputs import make_video, picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.video import read_video
from pinpoint.io.video_writer import VideoWriter

SUFFIXES = [".mp4", ".m4v", ".mov", ".mkv", ".webm"]
UNEVEN = (0.0, 0.04, 0.5, 0.533, 2.0)


def levels(count, size=(64, 48)):
    return [np.full((size[1], size[0], 3), 20 + 10 * index, np.uint8) for index in range(count)]


def write(path, images, seconds=None, **options):
    with VideoWriter(path, images[0].shape[1::-1], **options) as video:
        for image, time in zip(images, seconds or [None] * len(images), strict=True):
            video.write(image, time)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_read_inverts_write(suffix, tmp_path):
    """Times to Matroska's millisecond, plain greys to a few of 255 levels."""
    write(tmp_path / f"a{suffix}", levels(5), UNEVEN)
    with read_video(tmp_path / f"a{suffix}") as video:
        frames = list(video)
    np.testing.assert_allclose([frame.seconds for frame in frames], UNEVEN, atol=1.1e-3)
    np.testing.assert_allclose([frame.image.mean() for frame in frames], 20 + 10 * np.arange(5), atol=3)


@pytest.mark.parametrize("fps", [12.5, 24, 30000 / 1001, 50])
def test_frames_without_a_time_follow_at_the_frame_rate(fps, tmp_path):
    write(tmp_path / "a.mp4", levels(6), fps=fps)
    with read_video(tmp_path / "a.mp4") as video:
        assert video.fps == pytest.approx(fps, rel=1e-3)
        assert video.duration == pytest.approx(6 / fps, abs=1e-3)
        np.testing.assert_allclose([frame.seconds for frame in video], np.arange(6) / fps, atol=1e-4)


def test_times_that_do_not_advance_are_moved_just_behind(tmp_path):
    write(tmp_path / "a.mp4", levels(4), (0.0, 0.5, 0.5, 0.2))
    with read_video(tmp_path / "a.mp4") as video:
        np.testing.assert_allclose([frame.seconds for frame in video], [0, 0.5, 0.5, 0.5], atol=1e-4)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_colours_survive(suffix, tmp_path):
    """Written as BT.709 and marked so; taken for BT.601, pure green would be off by more than 20 levels."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32], image[:, 32:64], image[:, 64:] = (255, 0, 0), (0, 255, 0), (90, 120, 250)
    write(tmp_path / f"a{suffix}", [image] * 3)
    with read_video(tmp_path / f"a{suffix}") as video:
        np.testing.assert_allclose(next(video).image[32, 16::32].astype(int), image[32, 16::32], atol=8)


@pytest.mark.parametrize(("width", "height"), [(65, 48), (64, 49), (33, 35), (1, 1)])
def test_odd_sizes_grow_at_the_far_edges(width, height, tmp_path):
    """So that coordinates stay true: a light in the top left corner stays there."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:8, :8] = 255
    write(tmp_path / "a.mp4", [image] * 2)
    with read_video(tmp_path / "a.mp4") as video:
        assert video.size == (width + width % 2, height + height % 2)
        read = next(video).image
    np.testing.assert_allclose(read[:height, :width].astype(int), image, atol=25)  # ringing at the edge


def sound(path):
    """Time since the first picture, and bytes, of each packet of sound."""
    with av.open(str(path)) as container:
        start = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.pts is not None]
        return [(float(packet.pts * packet.time_base) - start, bytes(packet)) for packet in packets]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_packet_by_packet_in_its_place(suffix, tmp_path):
    make_video(tmp_path / "in.mp4", [picture()] * 50, sound=True)
    write(tmp_path / f"out{suffix}", [picture()] * 50, fps=25, audio_from=tmp_path / "in.mp4")
    copied, original = sound(tmp_path / f"out{suffix}"), sound(tmp_path / "in.mp4")
    assert [data for _, data in copied] == [data for _, data in original]
    np.testing.assert_allclose([time for time, _ in copied], [time for time, _ in original], atol=2e-3)


def test_sound_ends_with_the_pictures(tmp_path):
    """Half the pictures, half the sound: 50 are two seconds."""
    make_video(tmp_path / "in.mp4", [picture()] * 50, sound=True)
    write(tmp_path / "out.mp4", [picture()] * 25, fps=25, audio_from=tmp_path / "in.mp4")
    times = [time for time, _ in sound(tmp_path / "out.mp4")]
    assert 0.8 < max(times) < 1.0


def test_sound_of_a_file_that_does_not_start_at_zero_stays_in_step(tmp_path):
    make_video(tmp_path / "in.ts", [picture()] * 50, sound=True)
    write(tmp_path / "out.mkv", [picture()] * 50, fps=25, audio_from=tmp_path / "in.ts")
    assert abs(sound(tmp_path / "out.mkv")[0][0]) < 0.2


def test_sound_that_does_not_fit_is_left_out_with_a_word(tmp_path, caplog):
    """WebM holds Opus and Vorbis, not AAC."""
    make_video(tmp_path / "in.mp4", [picture()] * 5, sound=True)
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "out.webm", [picture()] * 5, audio_from=tmp_path / "in.mp4")
    assert "aac" in caplog.text and "silent" in caplog.text
    with read_video(tmp_path / "out.webm") as video:
        assert len(list(video)) == 5


def test_a_file_without_sound_gives_none(tmp_path):
    make_video(tmp_path / "in.mp4", [picture()] * 5)
    write(tmp_path / "out.mp4", [picture()] * 5, audio_from=tmp_path / "in.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_missing_sound_is_named_before_anything_is_written(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        VideoWriter(tmp_path / "a.mp4", (64, 48), audio_from=tmp_path / "nowhere.mp4")
    assert not list(tmp_path.iterdir())


def test_an_input_can_be_replaced_by_its_annotated_self(tmp_path):
    make_video(tmp_path / "a.mp4", [picture()] * 10, sound=True)
    with (
        read_video(tmp_path / "a.mp4") as video,
        VideoWriter(tmp_path / "a.mp4", video.size, fps=video.fps, audio_from=tmp_path / "a.mp4") as writer,
    ):
        for frame in video:
            writer.write(255 - frame.image, frame.seconds)
    assert len(sound(tmp_path / "a.mp4")) > 1 and [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_an_exception_inside_still_finishes_what_was_written(tmp_path):
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", (64, 48)) as video:
        for image in levels(3):
            video.write(image)
        raise KeyError
    with read_video(tmp_path / "a.mp4") as video:
        assert len(list(video)) == 3


def test_an_exception_before_the_first_frame_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", (64, 48)):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_no_frame_is_an_error_and_no_file(tmp_path):
    with pytest.raises(ValueError, match="no frame"), VideoWriter(tmp_path / "a.mp4", (64, 48)):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_run_leaves_the_old_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"the one before")
    code = textwrap.dedent("""
        import os, signal, sys
        import numpy as np
        from pinpoint.io.video_writer import VideoWriter
        with VideoWriter(sys.argv[1], (64, 48)) as video:
            for level in range(40):
                video.write(np.full((48, 64, 3), level, np.uint8))
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.mp4")], check=False)
    assert run.returncode == -signal.SIGKILL
    assert (tmp_path / "a.mp4").read_bytes() == b"the one before"


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (picture(64, 50), ValueError),
        (picture()[..., 0], ValueError),
        (picture().astype(np.float32), TypeError),
    ],
    ids=["size", "grey", "float"],
)
def test_a_frame_that_does_not_fit_is_refused(frame, error, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", (64, 48)) as video:
        video.write(picture())
        with pytest.raises(error, match="frame"):
            video.write(frame)
    with pytest.raises(ValueError, match="closed"):
        video.write(picture())


@pytest.mark.parametrize(
    ("name", "size", "fps", "message"),
    [
        ("a.avi", (64, 48), 30, r"\.mp4, \.m4v"),
        ("a", (64, 48), 30, "suffix"),
        ("a.mp4", (0, 48), 30, "size"),
        ("a.mp4", (64, 48), 0, "fps"),
        ("a.mp4", (64, 48), float("nan"), "fps"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(name, size, fps, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        VideoWriter(tmp_path / name, size, fps=fps)
    assert not list(tmp_path.iterdir())


def test_writing_makes_no_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", (64, 48))
