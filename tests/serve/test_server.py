import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from pinpoint.serve.connection import connection
from pinpoint.serve.server import Server, address_of, listen
from serve.served import PICTURE, service_of


@contextmanager
def _running(**limits: float) -> Iterator[str]:
    """A server over loopback, in a thread; its address."""
    listening, started = listen("127.0.0.1", 0), threading.Event()
    server = Server(service_of(**limits), started.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    address = address_of(listening)
    thread.start()
    assert started.wait(10)
    try:
        yield address
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


def _wait_until(true) -> None:
    until = time.monotonic() + 5
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def _place(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


@pytest.mark.parametrize(
    "said", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_a_client_that_sends_no_further_request_is_hung_up_on(said):
    with _running(head=0.2) as address, socket.create_connection(_place(address)) as client:
        client.sendall(said)
        begun = time.monotonic()
        client.settimeout(5)
        while client.recv(4096):
            pass
        assert time.monotonic() - begun < 4


LONG = 1 << 25  # far more than a socket takes


@contextmanager
def _long_answer(patience: float, wish: str) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """A server that answers at length, and a client that has asked it."""

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(LONG)})

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
        _wait_until(lambda: not server.server_state.connections)


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it():
    """It takes several times as long as one may read nothing."""
    with _long_answer(0.4, "close") as (_, client):
        size = 0
        while part := client.recv(1 << 20, socket.MSG_WAITALL):
            size += len(part)
            time.sleep(0.04)
        assert size > LONG


def test_a_client_that_waits_for_its_answer_or_streams_is_not_hung_up_on():
    with _running(head=0.1) as address, connect(f"{address.replace('http', 'ws')}/v1/stream") as stream:
        stream.recv()
        time.sleep(0.4)
        stream.send(PICTURE)
        assert json.loads(stream.recv())["type"] == "result"


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


def test_the_page_may_load_nothing_from_elsewhere():
    with _running() as address:
        answer = httpx2.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_an_address_to_open_is_of_this_machine():
    with listen("0.0.0.0", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
