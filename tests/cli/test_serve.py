"""The server in a process of its own, over loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import pytest
from websockets.sync.client import connect

from pinpoint.io.images import encode_image

PICTURE = encode_image(np.full((48, 64, 3), 128, np.uint8), ".png")
FORM = {"file": ("a.png", PICTURE)}
PROGRAM = """
import sys, time
sys.path.insert(0, {folder!r})
from cli.fake_model import find_one
from pinpoint.cli import main, serve
serve.LINGER = 0.2
from pinpoint.pipelines.following import EveryFrame
from pinpoint.serve import service
from pinpoint.skeletons import skeleton
def slow(image, boxes=None):
    time.sleep({seconds})
    return find_one(image, boxes)
service.load = lambda name, threads: slow
service.load_follower = lambda name, threads: EveryFrame(slow, skeleton("coco17"))
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
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, [json.loads(line) for line in err.splitlines() if line[0] == "{"]


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Starts `pinpoint serve` with a fake that takes its time, and waits until it listens."""
    started = []

    def run(*options: str, seconds: float = 0.0) -> Running:
        code = PROGRAM.format(folder=str(Path(__file__).parents[1]), seconds=seconds)
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
    until = time.monotonic() + 20
    while figure not in httpx2.get(f"{server.address}/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.05)


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


def test_a_stop_answers_what_was_taken_and_refuses_the_rest(serve):
    server = serve(seconds=3.0)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(httpx2.post, f"{server.address}/v1/detect", files=FORM, timeout=20)
        _wait_for(server, 'pinpoint_queue{model="body-s"} 1.0')
        server.process.send_signal(signal.SIGTERM)
        while httpx2.get(f"{server.address}/healthz").status_code == 200:
            time.sleep(0.02)
        health, refused = (httpx2.get(server.address + path) for path in ("/healthz", "/v1/models"))
        answered = taken.result()
    server.process.wait(10)
    statuses = [answer.status_code for answer in (health, refused, answered)]
    assert (statuses, server.process.returncode) == ([503, 503, 200], 0)


def test_a_second_signal_gives_up_what_was_taken(serve):
    server = serve(seconds=60)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(httpx2.post, f"{server.address}/v1/detect", files=FORM, timeout=40)
        _wait_for(server, 'pinpoint_queue{model="body-s"} 1.0')
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        assert (taken.result().status_code, server.process.wait(20)) == (503, 0)


def test_clients_that_hang_up_leave_nothing_behind(serve):
    """In the middle of an upload, and while they wait for the answer."""
    server = serve(seconds=0.3)
    request = httpx2.Request("POST", f"{server.address}/v1/detect", files=FORM)
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    for sent in (0, 100, 10_000):
        with socket.create_connection(server.place) as client:
            client.sendall(f"POST /v1/detect HTTP/1.1\r\n{head}\r\n".encode() + body[:sent])
            time.sleep(0.1)
    _wait_for(server, 'pinpoint_requests_total{method="POST",route="/v1/detect",status="499"} 3.0')
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


def test_an_address_of_another_machine_is_said_plainly(pinpoint):
    outcome = pinpoint("serve", "--host", "192.0.2.1", "--port", 0)
    assert (outcome.status, "no address of this machine" in outcome.err) == (1, True)


def test_listening_to_everybody_without_a_token_is_warned_of(serve):
    server = serve("--host", "0.0.0.0")
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=20)
    assert err.startswith("warning: whoever reaches this machine can use the server")


def test_without_the_extra_it_says_what_to_install(pinpoint, monkeypatch):
    monkeypatch.setattr("pinpoint.cli.serve.find_spec", lambda name: None if name == "uvicorn" else name)
    outcome = pinpoint("serve")
    assert (outcome.status, "pinpoint-keypoints[serve]" in outcome.err) == (2, True)
