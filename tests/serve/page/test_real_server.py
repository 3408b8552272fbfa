"""The page and `pinpoint serve` understand each other; the model alone is a fake."""

import threading
import time

import pytest

from pinpoint.serve.server import Server, address_of, listen
from pinpoint.serve.settings import Settings
from serve.served import service_of

DRAWN = '#canvas[data-drawn="1"]'  # selectors, since the page's policy lets no text be run as code


@pytest.fixture
def real_server(request):
    """The address of a real server, with the token that a test may ask for."""
    listening = listen("127.0.0.1", 0)
    running = Server(service_of(settings=Settings(token=getattr(request, "param", ""))), lambda: None)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield address_of(listening) + "/"
    running.handle_exit(15, None)
    thread.join()


def test_a_camera_is_looked_at(open_page, real_server):
    page = open_page("?source=camera", address=real_server)
    page.wait_for_selector(DRAWN)
    assert page.inner_text("#status") == "Live"
    page.wait_for_selector("#fps:not(:text('–'))")


def test_a_picture_is_looked_at(open_page, real_server, tmp_path, astronaut):
    import pinpoint as pp

    pp.write_image(tmp_path / "astronaut.jpg", astronaut)
    page = open_page(address=real_server)
    page.set_input_files("#file", tmp_path / "astronaut.jpg")
    page.wait_for_selector(DRAWN)


@pytest.mark.parametrize("real_server", ["a-long-token"], indirect=True)
def test_a_token_opens_both_ways(open_page, real_server, complaints):
    page = open_page(address=real_server)
    page.wait_for_selector("#token-dialog[open]")
    page.fill("#token", "a-long-token")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tasks input")
    page.click("#empty-camera")
    page.wait_for_selector(DRAWN)
    complaints.clear()  # the browser reports the first 401


def test_why_a_stream_is_refused_is_said(open_page, real_server, complaints):
    page = open_page("?source=camera&task=wrong", address=real_server)
    page.wait_for_selector("#tasks input")
    assert (
        page.locator("#tasks input:checked").get_attribute("value") == "body"
    )  # by now the page knows better
    page.wait_for_selector(DRAWN)
    complaints.clear()  # the browser may have reported a stream of the task that is none
