import socket
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from live_video import Sender, flat, mjpeg
from odd_inputs import make_video, picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.video import read_video

UNEVEN = (0.0, 0.04, 0.5, 0.533, 2.0)


def quadrants(width=96, height=64):
    """Red, green, blue and grey, clockwise from the top left."""
    image = np.full((height, width, 3), 128, np.uint8)
    image[: height // 2, : width // 2] = (255, 0, 0)
    image[: height // 2, width // 2 :] = (0, 255, 0)
    image[height // 2 :, width // 2 :] = (0, 0, 255)
    return image


def test_frames_come_in_order_with_their_times(tmp_path):
    make_video(tmp_path / "a.mp4", [np.full((48, 64, 3), 10 * index, np.uint8) for index in range(20)])
    with read_video(tmp_path / "a.mp4") as video:
        frames = list(video)
        assert (video.size, video.fps, video.frame_count, video.duration) == ((64, 48), 25.0, 20, 0.8)
    assert [frame.index for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(20) / 25, atol=1e-6)
    np.testing.assert_allclose([frame.image.mean() for frame in frames], 10 * np.arange(20), atol=2)


def test_a_title_in_an_old_encoding_does_not_keep_a_video_shut(tmp_path):
    """The name of the writing program stands in for a title: it becomes Latin-1, of the same length."""
    make_video(tmp_path / "a.mkv", [picture()] * 3)
    written = (tmp_path / "a.mkv").read_bytes()
    assert b"Lavf" in written
    (tmp_path / "a.mkv").write_bytes(written.replace(b"Lavf", b"L\xe9vf"))
    with read_video(tmp_path / "a.mkv") as video:
        assert len(list(video)) == 3


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_uneven_times_stay_as_they_are(suffix, tmp_path):
    """To the millisecond that Matroska counts in."""
    make_video(tmp_path / f"a{suffix}", [picture()] * 5, seconds=UNEVEN)
    with read_video(tmp_path / f"a{suffix}") as video:
        np.testing.assert_allclose([frame.seconds for frame in video], UNEVEN, atol=1.1e-3)


def test_time_starts_at_zero_where_the_container_does_not(tmp_path):
    """MPEG streams start anywhere; sound that starts first is at zero then."""
    make_video(tmp_path / "a.ts", [picture()] * 5)
    with read_video(tmp_path / "a.ts") as video:
        np.testing.assert_allclose([frame.seconds for frame in video], np.arange(5) / 25, atol=1e-3)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_brings_the_corners_home(rotation, flip, tmp_path):
    """A display matrix turns counterclockwise, and mirrors after it has turned."""
    stored = quadrants()
    expected = np.rot90(stored, rotation // 90)
    expected = expected[:, ::-1] if flip else expected
    make_video(tmp_path / "a.mp4", [stored] * 2, rotation=rotation, flip=flip)
    with read_video(tmp_path / "a.mp4") as video:
        image = next(video).image
        assert video.size == expected.shape[1::-1] and image.flags.c_contiguous and image.flags.writeable
    centers = np.ix_(
        [image.shape[0] // 4, image.shape[0] * 3 // 4], [image.shape[1] // 4, image.shape[1] * 3 // 4]
    )
    np.testing.assert_allclose(image[centers].astype(int), expected[centers], atol=6)  # 8-bit YUV and x264


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
def test_colours_do_not_depend_on_how_they_are_stored(pixels, tmp_path):
    make_video(tmp_path / "a.mkv", [quadrants()] * 2, pixels=pixels)
    with read_video(tmp_path / "a.mkv") as video:
        image = next(video).image
    np.testing.assert_allclose(image[16::32, 24::48].astype(int), quadrants()[16::32, 24::48], atol=6)


def packets_before(path, end):
    """How many pictures lie wholly before a place in a file."""
    with av.open(str(path)) as container:
        return sum(packet.size and packet.pos + packet.size <= end for packet in container.demux(video=0))


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4")])
def test_a_cut_video_gives_what_is_there_and_then_says_so(suffix, codec, tmp_path):
    """Up to two pictures before the cut wait for one that is lost."""
    make_video(tmp_path / f"a{suffix}", codec=codec)
    data = (tmp_path / f"a{suffix}").read_bytes()
    end = len(data) * 7 // 10
    whole = packets_before(tmp_path / f"a{suffix}", end)
    (tmp_path / f"a{suffix}").write_bytes(data[:end])
    frames = []
    with (
        pytest.raises(UnreadableError, match="cut off after frame") as caught,
        read_video(tmp_path / f"a{suffix}") as video,
    ):
        frames.extend(video)
    assert 5 < whole - 2 <= len(frames) <= whole
    assert f"after frame {len(frames) - 1} ({frames[-1].seconds:.2f} s)" in caught.value.reason
    assert f"last {len(data) - end} bytes" in caught.value.reason


def test_damage_in_the_middle_does_not_cost_the_end(tmp_path):
    make_video(tmp_path / "a.mp4", faststart=False)
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    (tmp_path / "a.mp4").write_bytes(data)
    frames = []
    with pytest.raises(UnreadableError, match="damaged"), read_video(tmp_path / "a.mp4") as video:
        frames.extend(video)
    assert len(frames) < 50 and frames[-1].seconds == pytest.approx(49 / 25)


def test_the_cover_of_a_song_is_no_video(tmp_path):
    """A picture attached to a recording is stored as a video stream of one frame."""
    make_video(tmp_path / "a.mp4", sound=True)
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "b.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=1, pix_fmt="yuvj420p", width=64, height=48)
        cover.disposition = av.stream.Disposition.attached_pic
        target.mux(cover.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(UnreadableError, match="no video, only"):
        read_video(tmp_path / "b.mp4")


def test_a_gif_plays(tmp_path):
    pages = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:], duration=[100, 300, 50])
    with read_video(tmp_path / "a.gif") as video:
        frames = list(video)
    assert [frame.image[0, 0].tolist() for frame in frames] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    np.testing.assert_allclose([frame.seconds for frame in frames], [0, 0.1, 0.4])


def test_frames_are_the_callers_own(tmp_path):
    """RGB frames come straight from the decoder, which builds the next upon them."""
    pages = [picture() for _ in range(3)]
    pages[1][:9], pages[2][30:] = 0, 255
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    with read_video(tmp_path / "a.png") as video:
        for frame, expected in zip(video, pages, strict=True):
            np.testing.assert_array_equal(frame.image, expected)
            frame.image[:] = 77


@pytest.mark.parametrize("name", ["a b:c.mp4", "-dash.mp4", "100%03d.mp4", "two\nlines.mp4", "ünï 猫.mp4"])
def test_any_file_name_will_do(name, tmp_path, monkeypatch):
    """FFmpeg takes some of these for addresses, options or patterns."""
    make_video(tmp_path / "plain.mp4", [picture()])
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with read_video(name) as video:
        assert len(list(video)) == 1


def test_an_iterator_goes_on_where_it_stopped(tmp_path):
    make_video(tmp_path / "a.mp4", [picture()] * 5)
    with read_video(tmp_path / "a.mp4") as video:
        assert [next(video).index, next(video).index] == [0, 1]
        assert [frame.index for frame in video] == [2, 3, 4]
        assert list(video) == []


def test_closed_is_closed(tmp_path):
    make_video(tmp_path / "a.mp4", [picture()] * 5)
    video = read_video(tmp_path / "a.mp4")
    video.close()
    video.close()
    assert list(video) == []


def test_tags_in_another_encoding_are_no_harm(tmp_path):
    """Old cameras and tools write titles in Latin-1 where UTF-8 belongs."""
    make_video(tmp_path / "a.mp4", [picture()])
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    with read_video(tmp_path / "a.mp4") as video:
        assert len(list(video)) == 1


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_a_picture_is_sent_to_read_image(name, tmp_path):
    Image.fromarray(picture()).save(tmp_path / name, "JPEG")
    with pytest.raises(UnreadableError, match="read_image"):
        read_video(tmp_path / name)


@pytest.mark.parametrize("camera", [987, "987"])
def test_a_camera_that_is_not_there_is_named(camera):
    with pytest.raises(UnreadableError, match="cannot read 'camera 987'"):
        read_video(camera)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell in /dev")
def test_a_camera_that_does_not_exist_is_answered_with_those_that_do(monkeypatch):
    there = [Path("/dev/video2"), Path("/dev/video0")]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: there if str(self) == "/dev" else [])
    with pytest.raises(UnreadableError, match="it does not exist: those here are 0, 2"):
        read_video(987)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_without_frames_is_said_to_hold_none(suffix, tmp_path):
    with av.open(str(tmp_path / f"a{suffix}"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        container.start_encoding()
    with pytest.raises(UnreadableError, match="it holds no frame: its recording or copying was interrupted"):
        read_video(tmp_path / f"a{suffix}")


def test_a_stream_that_says_nothing_is_given_up():
    """The server takes the connection and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/live"
        with pytest.raises(UnreadableError, match="no picture came in time"):
            read_video(address, timeout=0.5)


def test_a_stream_that_breaks_off_gives_what_came(tmp_path):
    """Half an MPEG stream over HTTP, of which the server had promised the whole."""
    make_video(tmp_path / "a.ts", codec="mpeg2video")
    data = (tmp_path / "a.ts").read_bytes()
    header = f"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: {len(data)}\r\n\r\n"

    def serve(server):
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(header.encode() + data[: len(data) // 2])

    frames = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/live.ts"
        with pytest.raises(UnreadableError, match="breaks off"), read_video(address, timeout=5) as video:
            frames.extend(video)
        thread.join()
    assert 5 < len(frames) < 50
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(len(frames)) / 25, atol=1e-3)


def test_a_stream_without_times_is_timed_by_the_arrival_of_its_frames():
    """FFmpeg makes up 25 a second for MJPEG; here one comes every 0.1 s."""
    with Sender(mjpeg(flat(index) for index in range(12)), pause=0.1) as camera:
        video = read_video(f"http://127.0.0.1:{camera.port}/", timeout=5)
        seconds = [next(video).seconds for _ in range(11)]
        video.close()
    assert (np.diff(seconds) > 0).all()
    assert np.median(np.diff(seconds[4:])) > 0.06  # on a busy machine they may come later than that
