import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from pinpoint.serve.connection import connection
from pinpoint.serve.server import Server, address_of, listen
from serve.served import LONG, PICTURE, Held, eventually, service_of


@contextmanager
def _started(**limits: Any) -> Iterator[tuple[Server, str]]:
    """A server over loopback, in a thread, and its address. What it is not let send soon fills its memory."""
    listening, started = listen("127.0.0.1", 0), threading.Event()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    server = Server(service_of(**limits), started.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    address = address_of(listening)
    thread.start()
    assert started.wait(LONG)
    try:
        yield server, address
    finally:
        server.stop()
        thread.join(LONG)
        assert not thread.is_alive()


@contextmanager
def _running(**limits: Any) -> Iterator[str]:
    with _started(**limits) as (_, address):
        yield address


def _place(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


@pytest.mark.parametrize(
    "said", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_a_client_that_sends_no_further_request_is_hung_up_on(said):
    with _running(head=1.0) as address, socket.create_connection(_place(address)) as client:
        client.sendall(said)
        begun = time.monotonic()
        client.settimeout(5)
        while client.recv(4096):
            pass
        assert time.monotonic() - begun < 4


def test_who_is_refused_while_they_still_send_gets_to_read_why(monkeypatch):
    """A connection that is closed with bytes on their way is reset, and the answer is lost."""
    monkeypatch.setattr("pinpoint.serve.guard.LINGER", LONG)
    head = b"POST /v1/detect HTTP/1.1\r\nHost: a\r\nContent-Length: 500001\r\n\r\n"
    with _running(upload=500_000) as address, socket.create_connection(_place(address)) as client:
        client.sendall(head)
        time.sleep(0.3)
        client.sendall(bytes(250_000))
        time.sleep(0.1)
        client.sendall(bytes(250_001))
        said = b""
        while part := client.recv(4096):
            said += part
    assert said.startswith(b"HTTP/1.1 413 ") and b"over the limit of 500000 bytes" in said


LENGTH = 1 << 25  # far more than a socket takes


@contextmanager
def _long_answer(patience: float, wish: str) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """A server that answers at length, and a client that has asked it."""

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(LENGTH)})

    http = connection(patience)
    config = uvicorn.Config(app, http=http, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server, listening = uvicorn.Server(config), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        with socket.create_connection(listening.getsockname()) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nConnection: {wish}\r\n\r\n".encode())
            yield server, client
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("wish", ["keep-alive", "close"])
def test_a_client_that_does_not_read_its_answer_is_hung_up_on(wish):
    with _long_answer(0.2, wish) as (server, client):
        assert len(client.recv(1024)) > 0
        eventually(lambda: not server.server_state.connections)


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it():
    """It takes several times as long as one may read nothing."""
    with _long_answer(1.0, "close") as (_, client):
        size = 0
        while part := client.recv(1 << 20, socket.MSG_WAITALL):
            size += len(part)
            time.sleep(0.08)
        assert size > LENGTH


def test_a_client_that_waits_for_its_answer_or_streams_is_not_hung_up_on():
    with _running(head=1.0) as address, connect(f"{address.replace('http', 'ws')}/v1/stream") as stream:
        stream.recv()
        time.sleep(2.5)
        stream.send(PICTURE)
        assert json.loads(stream.recv())["type"] == "result"


def test_a_stop_waits_for_an_answer_no_longer_than_it_may():
    held = Held()
    with _started(estimator=held, stop=0.2) as (server, address), ThreadPoolExecutor(1) as pool:
        form = {"file": ("a.png", PICTURE)}
        taken = pool.submit(httpx2.post, f"{address}/v1/detect", files=form, timeout=LONG)
        held.wait()
        server.stop()
        answer = taken.result(LONG)
        held.let_go.set()
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert "stopped before this was answered" in answer.json()["error"]["message"]


def test_a_second_signal_gives_up_what_a_first_one_waits_for():
    held = Held()
    with _started(estimator=held, stop=1000.0) as (server, address), ThreadPoolExecutor(1) as pool:
        form = {"file": ("a.png", PICTURE)}
        taken = pool.submit(httpx2.post, f"{address}/v1/detect", files=form, timeout=LONG)
        held.wait()
        server.stop()
        eventually(lambda: httpx2.get(f"{address}/healthz").status_code == 503)
        assert not taken.done()
        server.stop()
        answer = taken.result(LONG)
        held.let_go.set()
    assert "stopped before this was answered" in answer.json()["error"]["message"]


def test_a_frame_a_little_over_the_limit_is_an_error_and_the_stream_goes_on():
    limit = len(PICTURE)
    with _running(frame=limit) as address, connect(f"{address.replace('http', 'ws')}/v1/stream") as stream:
        stream.recv()
        stream.send(bytes(limit + 1))
        assert f"over the limit of {limit}: send smaller ones" in json.loads(stream.recv())["message"]
        stream.send(PICTURE)
        assert json.loads(stream.recv())["type"] == "result"


def test_a_frame_far_over_the_limit_closes_the_stream_before_it_is_all_read():
    with _running(frame=1000) as address, connect(f"{address.replace('http', 'ws')}/v1/stream") as stream:
        stream.recv()
        stream.send(bytes(100_000))
        with pytest.raises(ConnectionClosedError, match="1009"):
            stream.recv()


def test_a_refused_stream_is_no_error_of_the_server(caplog):
    """Whoever comes with a wrong token fills no log with errors."""
    with _running() as address:
        place = f"{address.replace('http', 'ws')}/v1/stream?task=nothing"
        with pytest.raises(InvalidStatus, match="422"), connect(place):
            pass
    assert not [one.message for one in caplog.records if one.levelno >= logging.WARNING]


def test_the_page_may_load_nothing_from_elsewhere():
    with _running() as address:
        answer = httpx2.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_an_address_to_open_is_of_this_machine():
    with listen("0.0.0.0", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"


def _trickled(client: socket.socket, seconds: float = LONG) -> bytes:
    """Send a byte now and then until the server hangs up; returns what it said."""
    said, until = b"", time.monotonic() + seconds
    client.settimeout(0.03)
    while time.monotonic() < until:
        try:
            if not (part := client.recv(4096)):
                return said
            said += part
        except TimeoutError:
            pass
        except ConnectionError:  # our last byte came when nobody was there any more
            return said
        with suppress(ConnectionError):
            client.send(b"x")
    pytest.fail(f"it was not hung up on, and read {said!r}")


def test_an_upload_that_trickles_in_is_a_408_and_hung_up_on():
    head = b"POST /v1/detect HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n"
    with _running(time=0.3) as address, socket.create_connection(_place(address)) as client:
        client.sendall(head + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
        said = _trickled(client)
    assert said.startswith(b"HTTP/1.1 408 ") and b"the upload took over" in said


def _upgraded(address: str) -> socket.socket:
    """A stream by hand: a client that reads only what it is told to."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.connect(_place(address))
    client.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    client.settimeout(LONG)
    said = b""
    while b'"hello"' not in said:
        said += client.recv(4096)
    return client


BINARY, PING, UNMASKED = 0x82, 0x89, bytes(4)  # RFC 6455, 5.2


def _message(kind: int, data: bytes) -> bytes:
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([kind]) + size + UNMASKED + data


def test_a_frame_that_trickles_in_ends_its_stream():
    with _running(time=0.3) as address, _upgraded(address) as client:
        client.sendall(_message(BINARY, PICTURE + bytes(9999))[:100])
        said = _trickled(client)
    assert b"a message took over 0.3 s" in said


def test_frames_that_come_in_good_time_are_looked_at_however_long_a_stream_lasts():
    with _running(time=1.0) as address, connect(f"{address.replace('http', 'ws')}/v1/stream") as stream:
        stream.recv()
        for _ in range(2):
            time.sleep(1.2)
            stream.send([PICTURE[:50], PICTURE[50:]])
            assert json.loads(stream.recv())["type"] == "result"


def _transports(server: Server) -> list[Any]:
    return [connection.transport for connection in server.server_state.connections]


def test_answers_to_pings_of_a_client_that_does_not_read_do_not_pile_up():
    """Of 2.5 MB at most what comes at once, 256 KiB, is answered before it is seen that nothing is read."""
    with _started() as (server, address), _upgraded(address) as client:
        client.settimeout(LONG)
        for _ in range(200):
            client.sendall(_message(PING, bytes(125)) * 100)
        client.sendall(_message(BINARY, b"no picture"))
        eventually(lambda: "pinpoint_frames_failed_total 1" in httpx2.get(f"{address}/metrics").text)
        assert max(each.get_write_buffer_size() for each in _transports(server)) < 500_000


def test_a_client_that_does_not_read_its_results_is_hung_up_on(monkeypatch):
    monkeypatch.setattr("pinpoint.serve.stream.SEND", 0.2)
    with _started(head=1.0) as (server, address), _upgraded(address) as client:
        client.settimeout(1.0)
        until, most = time.monotonic() + LONG, 0
        with suppress(ConnectionError, TimeoutError):
            while time.monotonic() < until:
                client.sendall(_message(BINARY, PICTURE))
                most = max([each.get_write_buffer_size() for each in _transports(server)], default=0)
                time.sleep(0.002)
        eventually(lambda: not server.server_state.connections)
        assert most < 100_000
