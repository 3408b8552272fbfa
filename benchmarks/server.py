"""Many clients at once, some of them bad: what `pinpoint serve` answers, how fast, and what it keeps.

Usage: python benchmarks/server.py [--minutes 5] [--clients 64] [--streams 4] [--task body]

Of the requests, 10 % are malformed, 5 % are over the limit and 5 % hang up before the answer. Results are
kept when it ran for five minutes.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from skimage.data import astronaut
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from pinpoint.io.images import encode_image
from report import Report

UPLOAD = 4
"""MiB that the server takes at once; small, so that many uploads are over it without filling the loopback."""
PATIENCE = 60.0
SHARES = {"good": 0.80, "malformed": 0.10, "oversize": 0.05, "hanging up": 0.05}
STREAM_RATE = 10.0
MOST_DRIFT = 0.05
PICTURE = encode_image(np.ascontiguousarray(astronaut()[::2, ::2]), ".jpg", quality=90)


@dataclass(frozen=True)
class Place:
    """Where the server is, and when to stop asking it."""

    host: str
    port: int
    until: float

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return time.monotonic() > self.until


@dataclass
class Found:
    """What the clients saw.

    Args:
        statuses: Answers by kind of request and status; 0 is none.
        seconds: What the answers took that were as wanted.
        frames: Frames that were sent, answered and complained of.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    frames: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Request:
    """A request as it is sent, and how much of it before the client hangs up; none: it waits."""

    data: bytes
    sent: int | None = None


def form(data: bytes, *, name: str = "file", query: str = "") -> bytes:
    """A whole request with one file."""
    body = b"".join(
        (
            f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'.encode(),
            data,
            b"\r\n--edge--\r\n",
        )
    )
    return head("multipart/form-data; boundary=edge", f"Content-Length: {len(body)}", query) + body


def head(kind: str, length: str, query: str = "") -> bytes:
    """The head of a request."""
    lines = (f"POST /v1/detect{query} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", length)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


BOMB = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + (60_000).to_bytes(4, "big") * 2 + bytes(40)
MALFORMED = (
    form(b""),
    form(b"this is no picture"),
    form(PICTURE[: len(PICTURE) // 2]),
    form(bytes(random.Random(0).randbytes(5000))),
    form(BOMB),
    form(PICTURE, name="picture"),
    form(PICTURE, query="?task=bdy"),
    form(PICTURE, query="?model=../secret.onnx"),
    form(PICTURE, query="?min_score=nan"),
    head("application/json", "Content-Length: 2") + b"{}",
    head("multipart/form-data", "Content-Length: 2") + b"{}",
    head("multipart/form-data; boundary=edge", "Content-Length: 7") + b"nothing",
)


def chunked(size: int) -> bytes:
    """A request that does not say how large it is."""
    pieces = [b"10000\r\n" + bytes(65536) + b"\r\n"] * (size // 65536)
    start = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    first = f"{len(start):x}\r\n".encode() + start + b"\r\n"
    opening = head("multipart/form-data; boundary=edge", "Transfer-Encoding: chunked")
    return b"".join((opening, first, *pieces, b"0\r\n\r\n"))


GOOD = form(PICTURE)
OVERSIZE = (form(bytes((UPLOAD << 20) + 1)), chunked((UPLOAD << 20) + 65536))


def drawn_request(rng: random.Random) -> tuple[str, Request]:
    """Choose a kind of request, and one of its kind."""
    kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
    if kind == "good":
        return kind, Request(GOOD)
    if kind == "malformed":
        return kind, Request(rng.choice(MALFORMED))
    if kind == "oversize":
        return kind, Request(rng.choice(OVERSIZE))
    return kind, Request(GOOD, sent=rng.choice((50, len(GOOD) // 2, len(GOOD))))


async def client(number: int, place: Place, found: Found) -> None:
    """Ask one thing after the other, each over a connection of its own."""
    rng = random.Random(number)
    while not place.over:
        kind, request = drawn_request(rng)
        begun = time.monotonic()
        status, retry_after = await asked(place, request, rng)
        found.statuses[kind, status] += 1
        if status == 200:
            found.seconds.append(time.monotonic() - begun)
        if retry_after:
            await asyncio.sleep(retry_after * rng.uniform(0.5, 1.0))


async def asked(place: Place, request: Request, rng: random.Random) -> tuple[int, float]:
    """Send one request; returns the status, 0 for none, and when to ask again."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    try:
        async with asyncio.timeout(PATIENCE):
            if request.sent is not None:
                writer.write(request.data[: request.sent])
                await asyncio.sleep(rng.uniform(0, 0.2))
                return 0, 0.0
            sending = asyncio.create_task(sent(writer, request.data))
            answer = await answer_of(reader)
            sending.cancel()
            return answer
    except (OSError, EOFError, TimeoutError):
        return 0, 0.0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def sent(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send all of a request; one that is refused early may be cut off."""
    with contextlib.suppress(OSError):
        for at in range(0, len(data), 65536):
            writer.write(data[at : at + 65536])
            await writer.drain()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, float]:
    """Read an answer to its end, which is what makes it one."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", lines)
    body = await reader.readexactly(int(length[1]) if length else 0)
    status = int(lines.split()[1])
    told = json.loads(body)
    if ("instances" in told) is not (status == 200) or ("error" in told) is (status == 200):
        raise SystemExit(f"an answer of status {status} says {body[:200]!r}")
    again = re.search(r"retry-after: (\d+)", lines)
    return status, float(again[1]) if again else 0.0


async def stream(number: int, place: Place, task: str, found: Found) -> None:
    """Send frames, one in twenty of them broken, and hang up now and then."""
    rng = random.Random(1000 + number)
    address = f"ws://{place.host}:{place.port}/v1/stream?task={task}"
    while not place.over:
        with contextlib.suppress(WebSocketException, OSError, TimeoutError):
            async with connect(address) as socket:
                await socket.recv()
                answers = asyncio.create_task(counted(socket, found))
                for _ in range(rng.randint(20, 200)):
                    broken = rng.random() < 0.05
                    await socket.send(PICTURE[:500] if broken else PICTURE)
                    found.frames["sent"] += 1
                    await asyncio.sleep(1 / STREAM_RATE)
                    if place.over:
                        break
                answers.cancel()
        found.frames["connections"] += 1


async def counted(socket: ClientConnection, found: Found) -> None:
    """Count what a stream answers."""
    async for answer in socket:
        found.frames[json.loads(answer)["type"]] += 1


async def figures(place: Place) -> dict[str, float]:
    """Memory, and requests by status, as the server counts them."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode().partition("\r\n\r\n")[2]
    writer.close()
    told: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "process_resident_memory_bytes":
                told["bytes"] = sample.value
            if sample.name == "pinpoint_requests_total":
                told[sample.labels["status"]] += sample.value
    return told


async def memory(place: Place, warm_up: float) -> list[float]:
    """Mebibytes every second from the end of the warm-up on."""
    await asyncio.sleep(warm_up)
    sizes = []
    while not place.over:
        sizes.append((await figures(place))["bytes"] / 2**20)
        await asyncio.sleep(1.0)
    return sizes


@contextmanager
def server(options: list[str]) -> Iterator[tuple[str, int]]:
    """Run `pinpoint serve` in a process of its own; where it listens."""
    command = [sys.executable, "-m", "pinpoint", "serve", "--port", "0", "--log-level", "error", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        host, port = process.stdout.readline().strip().rpartition("//")[2].split(":")
        yield host, int(port)
    finally:
        process.terminate()
        process.wait(60)


async def measured(place: Place, chosen: argparse.Namespace) -> tuple[Found, list[float], dict[str, float]]:
    """Let everybody ask until it is time."""
    found = Found()
    await asked(place, Request(GOOD), random.Random(0))  # the model is there
    warm_up = min(30.0, chosen.minutes * 60 / 3)
    clients = [client(number, place, found) for number in range(chosen.clients)]
    streams = [stream(number, place, chosen.task, found) for number in range(chosen.streams)]
    sizes, *_ = await asyncio.gather(memory(place, warm_up), *clients, *streams)
    return found, sizes, await figures(place)


def told(report: Report, found: Found, sizes: list[float], counted: dict[str, float]) -> None:
    """Say what was found, and whether it is what it should be."""
    statuses = sorted({status for _, status in found.statuses})
    names = ["no answer" if status == 0 else str(status) for status in statuses]
    rows = [[kind, *(found.statuses[kind, status] for status in statuses)] for kind in SHARES]
    report.add("Answers by kind of request, as the clients saw them:")
    report.table(["", *names], rows)
    p50, p95 = np.quantile(found.seconds, (0.5, 0.95))
    tenth = max(1, len(sizes) // 10)
    before, after = np.median(sizes[:tenth]), np.median(sizes[-tenth:])
    unanswered = sum(
        count for (kind, status), count in found.statuses.items() if not status and kind != "hanging up"
    )
    faults = sum(count for status, count in counted.items() if status[0] == "5" and status != "503")
    wrong = sum(count for (kind, status), count in found.statuses.items() if not expected(kind, status))
    drift = after / before - 1
    report.table(
        ["", "found", "wanted"],
        [
            ["answers of 5xx but 503, as the server counts them", int(faults), 0],
            ["requests without an answer, but for those who hung up", unanswered, 0],
            ["answers of another status than the request deserves", wrong, 0],
            ["memory after the warm-up, MiB", f"{before:.0f}", ""],
            ["memory at the end, MiB", f"{after:.0f} ({drift:+.1%})", f"within {MOST_DRIFT:.0%}"],
            ["p50 and p95 of pictures that were looked at, s", f"{p50:.2f}, {p95:.2f}", ""],
            ["frames sent, answered, complained of", frames(found), ""],
        ],
    )
    met = not (faults or unanswered or wrong) and abs(drift) < MOST_DRIFT
    report.add("Everything is as wanted." if met else "Not everything is as wanted.")


def expected(kind: str, status: int) -> bool:
    """Whether an answer is one that such a request should get. Busy servers refuse anybody."""
    wanted = {
        "good": {200},
        "malformed": {400, 415, 422},
        "oversize": {413},
        "hanging up": {0},
    }
    return status in wanted[kind] | ({429, 503} if kind != "hanging up" else set())


def frames(found: Found) -> str:
    """Numbers of frames."""
    return ", ".join(str(found.frames[name]) for name in ("sent", "result", "error"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--task", default="body")
    chosen = parser.parse_args()
    report = Report("`pinpoint serve` with many clients, some of them bad", kept=chosen.minutes >= 5)
    options = ["--task", chosen.task, "--requests", str(2 * chosen.clients), "--max-upload", str(UPLOAD)]
    with server(options) as (host, port):
        place = Place(host, port, time.monotonic() + 60 * chosen.minutes)
        told(report, *asyncio.run(measured(place, chosen)))


if __name__ == "__main__":
    main()
