"""The server in a process of its own, over loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import pytest
from websockets.sync.client import connect

from pinpoint.io.images import encode_image
from pinpoint.serve.settings import Limits, Settings
from serve.served import LONG, eventually

PICTURE = encode_image(np.full((48, 64, 3), 128, np.uint8), ".png")
FORM = {"file": ("a.png", PICTURE)}
PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from cli.fake_model import find_one
from pinpoint.cli import main, serve
serve.LINGER = 0.2
from pinpoint.pipelines.following import EveryFrame
from pinpoint.serve import service
from pinpoint.skeletons import skeleton
held = Path({held!r})
def look(image, boxes=None):
    while held.is_file():
        time.sleep(0.02)
    return find_one(image, boxes)
service.load = lambda name, threads: look
service.load_follower = lambda name, threads: EveryFrame(look, skeleton("coco17"))
main()
"""


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen
    address: str

    @property
    def place(self) -> tuple[str, int]:
        host, port = self.address.removeprefix("http://").split(":")
        return host, int(port)

    def end(self, sig: int = signal.SIGTERM) -> tuple[int, list[dict]]:
        """Stop it; returns its exit status and its log."""
        self.process.send_signal(sig)
        _, err = self.process.communicate(timeout=LONG)
        return self.process.returncode, [json.loads(line) for line in err.splitlines() if line[0] == "{"]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """While this file is there, the fake looks at nothing."""
    path = tmp_path / "held"
    path.touch()
    return path


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Starts `pinpoint serve` with a fake, and waits until it listens."""
    started = []

    def run(*options: str, held: str | Path = "") -> Running:
        code = PROGRAM.format(folder=str(Path(__file__).parents[1]), held=str(held))
        command = [sys.executable, "-c", code, "serve", "--port", "0", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **pipes))
        line = started[-1].stdout.readline()
        return Running(started[-1], re.search(r"http://\S+", line)[0])

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _wait_for(server: Running, figure: str) -> None:
    eventually(lambda: figure in httpx2.get(f"{server.address}/metrics").text)


def _stop(server: Running, sig: int) -> None:
    """Send a signal, and wait until it is obeyed: two that come at once are one."""
    server.process.send_signal(sig)
    eventually(lambda: httpx2.get(f"{server.address}/healthz").status_code == 503)


def test_a_server_answers_pictures_and_frames_and_stops_when_told(serve):
    server = serve("--task", "body")
    told = httpx2.post(f"{server.address}/v1/detect", files=FORM)
    with connect(f"{server.address.replace('http', 'ws')}/v1/stream") as stream:
        hello = json.loads(stream.recv())
        stream.send(json.dumps({"id": 1}))
        stream.send(PICTURE)
        result = json.loads(stream.recv())
    status, log = server.end()
    assert (told.status_code, hello["type"], result["id"], status) == (200, "hello", 1, 0)
    assert [line["status"] for line in log if line["message"] == "answered"] == [200, 101]


def test_a_stop_answers_what_was_taken_and_refuses_the_rest(serve, held):
    server = serve(held=held)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(httpx2.post, f"{server.address}/v1/detect", files=FORM, timeout=LONG)
        _wait_for(server, 'pinpoint_queue{model="body-s"} 1.0')
        _stop(server, signal.SIGTERM)
        health, refused = (httpx2.get(server.address + path) for path in ("/healthz", "/v1/models"))
        held.unlink()
        answered = taken.result()
    server.process.wait(LONG)
    statuses = [answer.status_code for answer in (health, refused, answered)]
    assert (statuses, server.process.returncode) == ([503, 503, 200], 0)


def test_a_second_signal_gives_up_what_was_taken(serve, held):
    server = serve(held=held)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(httpx2.post, f"{server.address}/v1/detect", files=FORM, timeout=LONG)
        _wait_for(server, 'pinpoint_queue{model="body-s"} 1.0')
        _stop(server, signal.SIGINT)
        server.process.send_signal(signal.SIGINT)
        assert (taken.result().status_code, server.process.wait(LONG)) == (503, 0)


def test_clients_that_hang_up_leave_nothing_behind(serve, held):
    """In the middle of an upload, and while they wait for the answer."""
    server = serve(held=held)
    request = httpx2.Request("POST", f"{server.address}/v1/detect", files=FORM)
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    for sent in (0, 100, len(body)):
        with socket.create_connection(server.place) as client:
            client.sendall(f"POST /v1/detect HTTP/1.1\r\n{head}\r\n".encode() + body[:sent])
            if sent == len(body):
                _wait_for(server, 'pinpoint_queue{model="body-s"} 1.0')
    _wait_for(server, 'pinpoint_requests_total{method="POST",route="/v1/detect",status="499"} 3.0')
    held.unlink()
    assert httpx2.post(f"{server.address}/v1/detect", files=FORM).status_code == 200
    status, log = server.end()
    assert (status, [line for line in log if line["level"] not in ("info", "debug")]) == (0, [])


def test_the_sender_of_too_much_reads_why(serve):
    server = serve("--max-upload", "1")
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    for body in (part + bytes(5_000_000), (piece for piece in (part, *[bytes(50_000)] * 40))):
        answer = httpx2.post(f"{server.address}/v1/detect", content=body, headers=kind)
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")


def test_a_port_that_is_taken_is_said_plainly(pinpoint):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        outcome = pinpoint("serve", "--port", port)
    assert outcome.status == 1
    assert (
        outcome.err
        == f"error: port {port} is taken: stop what listens there, or choose another one with --port\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--token", "short"), "the token cannot be one"),
        (("--origin", "example.org"), "origin is 'example.org'"),
        (("--task", "bdy"), "no model 'bdy'"),
        (("--task", "person-n"), "finds no keypoints"),
    ],
)
def test_wrong_usage_is_refused_before_anything_listens(options, message, pinpoint):
    outcome = pinpoint("serve", *options)
    assert outcome.status == 2
    assert message in outcome.err


def test_every_option_reaches_the_server(pinpoint, monkeypatch):
    given = []
    monkeypatch.setattr("pinpoint.cli.serve._run", lambda *settings: given.append(settings))
    options = (
        *("--host", "0.0.0.0", "--port", 81, "--task", "face", "--task", "hand", "--token", "correct-horse"),
        *("--origin", "https://example.org", "--no-fetch", "--max-upload", 3, "--max-pixels", 4),
        *("--max-models", 5, "--queue", 6, "--timeout", 7, "--requests", 8, "--rate", 0.5, "--streams", 9),
        *("--workers", 10, "--threads", 11, "--log-level", "debug"),
    )
    assert pinpoint("serve", *options).status == 0
    limits = Limits(
        upload=3 << 20, pixels=4, models=5, queue=6, time=7, requests=8, rate=0.5, client_streams=9
    )
    settings = Settings(
        host="0.0.0.0",
        port=81,
        preload=("face", "hand"),
        token="correct-horse",
        origins=("https://example.org",),
        fetch=False,
        workers=10,
        threads=11,
        limits=limits,
    )
    assert given == [(settings, "debug")]


def test_an_address_of_another_machine_is_said_plainly(pinpoint):
    outcome = pinpoint("serve", "--host", "192.0.2.1", "--port", 0)
    assert (outcome.status, "no address of this machine" in outcome.err) == (1, True)


def test_listening_to_everybody_without_a_token_is_warned_of(serve):
    server = serve("--host", "0.0.0.0")
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=LONG)
    assert err.startswith("warning: whoever reaches this machine can use the server")


def test_without_the_extra_it_says_what_to_install(pinpoint, monkeypatch):
    monkeypatch.setattr("pinpoint.cli.serve.find_spec", lambda name: None if name == "uvicorn" else name)
    outcome = pinpoint("serve")
    assert (outcome.status, "pinpoint-keypoints[serve]" in outcome.err) == (2, True)
