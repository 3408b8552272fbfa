"""What the page says and does when something is missing, refuses or goes away."""

import numpy as np
import pytest

import pinpoint as pp
from serve.page.world import ids_of, kite

REFUSING = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{}'))"
GONE = """
    const real = fetch;
    window.gone = true;
    fetch = (...all) => (window.gone ? Promise.reject(new TypeError("gone")) : real(...all));
"""
LIVE = "document.body.dataset.state === 'live'"


@pytest.mark.parametrize(
    ("error", "title", "advice"),
    [
        ("NotFoundError", "No camera found", "Plug one in"),
        ("NotAllowedError", "The camera is not allowed", "Set Camera to Allow"),
        ("NotReadableError", "The camera is busy", "Another program"),
    ],
)
def test_a_camera_that_does_not_start_is_explained(error, title, advice, open_page):
    page = open_page(before=REFUSING.format(error))
    page.click("#empty-camera")
    page.wait_for_selector("#problem")
    assert page.inner_text("#problem-title") == title
    assert advice in page.inner_text("#problem")
    assert page.locator("#problem-again").is_visible() and page.locator("#problem-file").is_visible()


def test_a_page_from_an_insecure_address_says_how_to_get_a_camera(open_page, server):
    """The name leads to this machine, but a browser does not know that."""
    page = open_page(address=f"http://pinpoint.test:{server.port}/")
    page.click("#empty-camera")
    page.wait_for_selector("#problem")
    assert f"ssh -L {server.port}:localhost:{server.port}" in page.inner_text("#problem")


def test_a_file_that_cannot_be_opened_is_named(open_page, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    page = open_page()
    page.set_input_files("#file", tmp_path / "broken.mp4")
    page.wait_for_selector("#problem")
    assert "broken.mp4" in page.inner_text("#problem-text")


def test_a_video_that_breaks_off_says_so_and_keeps_what_was_found(open_page, moving, tmp_path):
    """Its index stands at the end and is whole; some of its pictures are not."""
    data = bytearray(moving["clip"].read_bytes())
    end = data.rfind(b"moov") - 4
    data[end - 6000 : end] = b"\xff" * 6000
    (tmp_path / "torn.mp4").write_bytes(data)
    page = open_page()
    page.set_input_files("#file", tmp_path / "torn.mp4")
    page.wait_for_selector("#problem")
    assert page.inner_text("#problem-title") == "The video breaks off"
    assert "torn.mp4" in page.inner_text("#problem-text")
    assert page.inner_text("#status") == "Paused"
    page.wait_for_selector("#save-json:enabled")


def _grey(folder):
    pp.write_image(folder / "grey.png", np.full((30, 40, 3), 90, np.uint8))
    return folder / "grey.png"


BEFORE = {
    "nothing": ("", "Ready"),
    "a picture": ("picture", "Done in 13 ms"),
    "a video at its end": ("video", "Paused"),
    "a camera": ("camera", "Live"),
}


@pytest.mark.parametrize("case", BEFORE)
def test_a_file_that_cannot_be_opened_leaves_what_was_shown_before_and_its_state(
    case, open_page, moving, tmp_path
):
    source, state = BEFORE[case]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page = open_page("?source=camera" if source == "camera" else "")
    if source in ("picture", "video"):
        page.set_input_files("#file", _grey(tmp_path) if source == "picture" else moving["clip"])
    page.wait_for_function("(words) => document.querySelector('#status').textContent === words", arg=state)
    page.set_input_files("#file", tmp_path / "broken.jpg")
    page.wait_for_selector("#problem")
    assert "broken.jpg" in page.inner_text("#problem-text")
    assert page.inner_text("#status") == state
    assert page.get_attribute("#stage", "data-source") == (source or "none")


@pytest.mark.parametrize("how", ["click", "key"])
def test_a_message_over_a_picture_can_be_closed(how, open_page, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page = open_page()
    for path in (_grey(tmp_path), tmp_path / "broken.jpg"):
        page.set_input_files("#file", path)
        page.wait_for_function("document.body.dataset.state === 'found'")
    page.wait_for_selector("#problem")
    page.click("#problem-close") if how == "click" else page.keyboard.press("Escape")
    assert not page.locator("#problem").is_visible()
    assert page.inner_text("#status") == "Done in 13 ms"


def test_a_token_is_asked_for_until_it_is_right(open_page, world, complaints):
    world.token = "s3cret-token"
    page = open_page()
    page.wait_for_selector("#token-dialog[open]")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-wrong:not([hidden])")
    page.fill("#token", world.token)
    page.keyboard.press("Enter")
    page.wait_for_selector("#tasks input")
    page.click("#empty-camera")
    page.wait_for_function(LIVE)
    assert world.protocols == [f"bearer.{world.token}"]
    complaints.clear()  # the browser reports every 401


def test_a_token_that_was_wrong_does_not_stand_before_the_next(open_page, world, complaints):
    world.token = "s3cret-token"
    page = open_page()
    page.wait_for_selector("#token-dialog[open]")
    for typed in ("wrong", world.token):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        page.wait_for_selector("#token-wrong:not([hidden])" if typed == "wrong" else "#tasks input")
    assert not page.locator("#token-dialog").is_visible() and not page.locator("#problem").is_visible()
    complaints.clear()  # the browser reports every 401


@pytest.mark.parametrize("shown", ["nothing", "a camera", "a picture"])
def test_who_closes_the_question_for_a_token_can_come_back_to_it(
    shown, open_page, world, server, complaints, tmp_path
):
    if shown == "nothing":
        world.token = "s3cret-token"
    page = open_page("?source=camera" if shown == "a camera" else "")
    if shown == "a camera":
        page.wait_for_function(LIVE)
        world.token = "s3cret-token"
        server.stop()
        server.start()
    if shown == "a picture":
        page.wait_for_selector("#tasks input")
        world.token = "s3cret-token"
        page.set_input_files("#file", _grey(tmp_path))
    page.wait_for_selector("#token-dialog[open]")
    page.keyboard.press("Escape")
    assert page.inner_text("#status") == "Stopped"
    page.click("#problem-again")
    page.wait_for_selector("#token-dialog[open]")
    page.keyboard.type(world.token)
    page.keyboard.press("Enter")
    words = {"nothing": "ready", "a camera": "live", "a picture": "found"}
    page.wait_for_function(f"document.body.dataset.state === '{words[shown]}'")
    assert not page.locator("#problem").is_visible()
    complaints.clear()  # the browser reports every 401


def test_a_picture_is_looked_at_when_the_server_is_back(open_page, server, complaints, tmp_path):
    page = open_page()
    page.wait_for_selector("#tasks input")
    server.stop()
    page.set_input_files("#file", _grey(tmp_path))
    page.wait_for_selector("#problem")
    assert "goes on by itself" in page.inner_text("#problem-text")
    assert page.inner_text("#status") == "Server gone"
    server.start()
    page.wait_for_function("document.body.dataset.state === 'found'")
    assert not page.locator("#problem").is_visible()
    complaints.clear()  # the browser reports every failed connection


def test_a_line_that_breaks_is_mended_and_nobody_takes_the_id_of_another(
    open_page, world, server, complaints, tmp_path
):
    page = open_page("?source=camera", viewport={"width": 360, "height": 780})
    page.wait_for_function("document.querySelector('#canvas').dataset.drawn === '1'")
    server.stop()
    page.wait_for_function("document.body.dataset.state === 'reconnecting'")
    assert "Retrying in" in page.inner_text("#status")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    world.people = lambda n, width, height: [kite(width / 2, height / 2, id=1), kite(50, 50, id=2)]
    server.start()
    page.wait_for_function(LIVE)
    page.wait_for_function("document.querySelector('#canvas').dataset.drawn === '2'")
    with page.expect_download() as download:
        page.keyboard.press("j")
    download.value.save_as(tmp_path / "saved.json")
    ids = [ids_of(record) for record in pp.read_records(tmp_path / "saved.json")]
    assert ids[0] == [1]
    assert ids[-1] == [3, 4]
    complaints.clear()  # the browser reports every failed connection


def test_a_page_whose_server_is_gone_says_so_and_goes_on_when_it_is_back(open_page):
    page = open_page(before=GONE)
    page.wait_for_selector("#problem")
    assert page.inner_text("#problem-title") == "The server does not answer"
    page.evaluate("window.gone = false")
    page.click("#problem-again")
    page.wait_for_selector("#tasks input")
    page.wait_for_selector("#problem", state="hidden")


@pytest.mark.parametrize("moving_picture", [False, True])
def test_why_a_server_refuses_is_said(moving_picture, open_page, world, complaints, tmp_path):
    world.refusal = (422, "the files of kite-l are not here: choose another model")
    pp.write_image(tmp_path / "grey.png", np.full((30, 40, 3), 90, np.uint8))
    page = open_page()
    if moving_picture:
        page.click("#empty-camera")
    else:
        page.set_input_files("#file", tmp_path / "grey.png")
    page.wait_for_selector("#problem")
    assert page.inner_text("#problem-text") == "The files of kite-l are not here: choose another model."
    assert page.inner_text("#status") == "Stopped"
    world.refusal = None
    page.click("#problem-again")
    page.wait_for_function("['live', 'found'].includes(document.body.dataset.state)")
    complaints.clear()  # the browser reports every 422
