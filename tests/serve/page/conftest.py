"""A browser with a camera that plays a file, and a server for it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from serve.page.world import Server, World

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream --host-resolver-rules=MAP~pinpoint.test~127.0.0.1"
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    running = Server(world)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def moving(tmp_path_factory, astronaut) -> dict[str, Path]:
    """One second of a person who moves: a file for Chromium's fake camera, and a video."""
    import av

    folder, big = tmp_path_factory.mktemp("moving"), cv2.resize(astronaut, (384, 384))
    made = {}
    for name, codec, pixels in (("camera.mjpeg", "mjpeg", "yuvj420p"), ("clip.mp4", "h264", "yuv420p")):
        made[Path(name).stem] = folder / name
        with av.open(folder / name, "w", format=Path(name).suffix[1:]) as out:
            stream = cast(Any, out.add_stream(codec, rate=30))
            stream.width, stream.height, stream.pix_fmt = 320, 240, pixels
            for angle in np.linspace(0, 2 * np.pi, 30, endpoint=False):
                centre = (190 + 20 * np.sin(angle), 150 + 10 * np.cos(angle))
                frame = av.VideoFrame.from_ndarray(cv2.getRectSubPix(big, (320, 240), centre), format="rgb24")
                out.mux(stream.encode(frame.reformat(format=pixels)))
            out.mux(stream.encode())
    return made


@pytest.fixture(scope="session")
def chromium(moving) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = [flag.replace("~", " ") for flag in FLAGS.split()]
    with sync_playwright() as playwright:
        camera = f"--use-file-for-fake-video-capture={moving['camera']}"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, camera])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about; has to be empty in the end, unless the test emptied it."""
    return []


@pytest.fixture
def open_page(chromium, server, complaints) -> Iterator[Callable[..., Any]]:
    """A function that opens the page in a window of its own, with options of a Playwright context."""
    contexts = []

    def opened(path: str = "", *, before: str = "", address: str = "", **options: Any) -> Any:
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 800}} | options))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: complaints.append(said.text) if _is_serious(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if before:
            page.add_init_script(before)
        page.goto((address or server.world.address) + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _is_serious(said: Any) -> bool:
    """Tests look at what is drawn, which Chromium calls slow; the page does not."""
    return said.type in ("error", "warning") and "willReadFrequently" not in said.text
