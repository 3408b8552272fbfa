"""The web page in Chromium with a camera that plays a file, against `pinpoint serve` that looks for bodies.

Usage: python benchmarks/page.py [first] [live] [--pictures N]

N is the number of page loads. It needs Chromium, and playwright of the extra `dev`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import av
import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

import pinpoint as pp
from environment import skip
from report import Report, arguments

LOADS = 10
WATCHED = 10.0  # seconds
BAR = 3.0
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream"
)
DRAWN = '#canvas[data-drawn]:not([data-drawn="0"])'
FIRST = "performance.getEntriesByName('first-overlay')[0].startTime"
PICTURES = """(seconds) => new Promise((done) => {
    const [begun, end] = [performance.now(), performance.now() + 1000 * seconds];
    let count = 0;
    const next = (now) => {
        count++;
        if (now < end) requestAnimationFrame(next); else done(1000 * count / (now - begun));
    };
    requestAnimationFrame(next);
})"""


def measure_first(report: Report, browser: Browser, address: str, count: int) -> None:
    rows = []
    for words, options in (
        ("camera at once", "?source=camera"),
        ("button pressed as soon as it is there", ""),
    ):
        seconds = [_first_overlay(browser, address, options) for _ in range(count)]
        rows.append([words, f"{median(seconds):.2f}", f"{max(seconds):.2f}", f"{BAR:.0f}"])
    rows.append(["camera at once, new server", *_from_new_servers(browser, count)])
    report.add(
        f"## First overlay\n\nSeconds from the beginning of the page's load to the first picture drawn with "
        f"keypoints; {count} loads in windows without cache, and a third as many new servers."
    )
    report.table(("", "median", "longest", "bar"), rows)


def measure_live(report: Report, browser: Browser, address: str, count: int) -> None:
    rows = []
    for size in ("320", "640", "1280"):
        with _opened(browser, address) as page:
            page.select_option("#size", size)
            page.click("#empty-camera")
            page.wait_for_selector(DRAWN)
            rate = page.evaluate(PICTURES, WATCHED if count == LOADS else 2.0)
            shown = [page.inner_text(f"#{meter}") for meter in ("fps", "latency")]
            rows.append([size, f"{rate:.0f}", *shown])
    report.add("## Live\n\nThe server, Chromium without a GPU and the drawing share the machine's cores.")
    report.table(("longest side sent", "pictures drawn/s", "results/s", "latency in ms"), rows)


def _from_new_servers(browser: Browser, count: int) -> list[str]:
    seconds = []
    for _ in range(-(-count // 3)):
        with _server() as address:
            seconds.append(_first_overlay(browser, address, "?source=camera"))
    return [f"{median(seconds):.2f}", f"{max(seconds):.2f}", f"{BAR:.0f}"]


def _first_overlay(browser: Browser, address: str, options: str) -> float:
    with _opened(browser, address + options) as page:
        if not options:
            page.click("#empty-camera")
        page.wait_for_selector(DRAWN)
        return page.evaluate(FIRST) / 1000


@contextmanager
def _opened(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


@contextmanager
def _server(*options: str) -> Iterator[str]:
    """The address of `pinpoint serve` in a process of its own."""
    command = [sys.executable, "-m", "pinpoint", "serve", "--port", "0", "--log-level", "error", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0] + "/"
        process.terminate()


@contextmanager
def _browser(folder: Path) -> Iterator[Browser]:
    camera = f"--use-file-for-fake-video-capture={_film(folder / 'camera.mjpeg')}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=[*FLAGS.split(), camera])
        yield browser
        browser.close()


def _chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        skip("Chromium is not installed: apt-get install chromium")
    return found


def _film(path: Path) -> Path:
    """Three seconds of a person who moves, 640 x 480, 30 pictures in a second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's own imports
        from skimage.data import astronaut

        picture: Any = cv2.copyMakeBorder(astronaut(), 0, 0, 200, 200, cv2.BORDER_REFLECT)
    with av.open(path, "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.bit_rate = 8_000_000
        for angle in np.linspace(0, 2 * np.pi, 90, endpoint=False):
            centre = (456 + 80 * np.sin(angle), 256 + 14 * np.cos(2 * angle))
            frame = av.VideoFrame.from_ndarray(cv2.getRectSubPix(picture, (640, 480), centre), format="rgb24")
            out.mux(stream.encode(frame.reformat(format="yuvj420p")))
        out.mux(stream.encode())
    return path


def _use(browser: Browser, address: str) -> None:
    """Wait until the model is loaded."""
    with _opened(browser, address + "?source=camera") as page:
        page.wait_for_selector(DRAWN)
        time.sleep(1)


PARTS = {"first": measure_first, "live": measure_live}


def main() -> None:
    chosen = arguments(__doc__ or "", list(PARTS))
    report = Report(f"Web page of Pinpoint {pp.__version__}", kept=chosen.whole)
    with (
        tempfile.TemporaryDirectory() as folder,
        _server("--task", "body") as address,
        _browser(Path(folder)) as browser,
    ):
        report.add(f"Chromium {browser.version}, without a GPU.")
        _use(browser, address)
        for part in chosen.parts:
            PARTS[part](report, browser, address, chosen.pictures or LOADS)


if __name__ == "__main__":
    main()
