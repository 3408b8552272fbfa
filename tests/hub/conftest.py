"""A cache of its own for each test, and a web server on this machine that can be told to misbehave."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pinpoint.hub import ModelFile, ModelSpec


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing in these tests touches the user's own cache or settings."""
    for name in ("PINPOINT_OFFLINE", "PINPOINT_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@dataclass
class Web:
    """What the server serves, how, and what it was asked."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    version: str = '"1"'
    cut_after: int = 0
    pause: float = 0.0
    redirect: str = ""
    status: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def spec(self, name: str = "toy.onnx", *, sha256: str | None = None, at: str = "") -> ModelSpec:
        """A model of one file that this server has."""
        body = self.files.get(name, b"")
        known = hashlib.sha256(body).hexdigest() if sha256 is None else sha256
        file = ModelFile(name, f"{self.address}/{at or name}", known, len(body) if known else 0)
        return ModelSpec(name="toy", task="body", pipeline="top-down", input_size=(64, 64), files=(file,))


@pytest.fixture
def web() -> Iterator[Web]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = Web(f"http://127.0.0.1:{server.server_port}")
    server.web = state  # pyright: ignore
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        web: Web = self.server.web  # pyright: ignore
        web.asked.append((self.path.strip("/"), self.headers.get("Range", "")))
        body = web.files.get(self.path.strip("/"))
        if web.redirect:
            self._reply(302, {"Location": web.redirect})
        elif body is None or web.status:
            self._reply(web.status or 404, {})
        else:
            self._send(web, body)

    def _send(self, web: Web, body: bytes) -> None:
        start = self._start(web)
        if start > len(body):
            self._reply(416, {})
            return
        rest = body[start:]
        partial = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        self._reply(206 if start else 200, {"Content-Length": str(len(rest)), "ETag": web.version} | partial)
        cut, web.cut_after = web.cut_after, 0
        for at in range(0, len(rest[: cut or None]), 65536):
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked was killed
                self.wfile.write(rest[at : min(at + 65536, cut or len(rest))])
            time.sleep(web.pause)

    def _start(self, web: Web) -> int:
        asked = self.headers.get("Range", "")
        fresh = self.headers.get("If-Range") == web.version
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked and web.ranges and fresh else 0

    def _reply(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
