"""Fetching an address over HTTPS, going on where an interrupted run stopped."""

import errno
import http.client
import json
import logging
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

__all__ = ["Progress", "download"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with the bytes done, the bytes in all (0 if not known) and the name of what is being fetched."""

ATTEMPTS = 4
CHUNK = 1 << 18
TIMEOUT = 30.0
PASSING = (408, 425, 429, 500, 502, 503, 504)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def download(url: str, part: Path, progress: Progress, what: str) -> None:
    """Fetch an address into a file, with the proxies of the environment.

    What an earlier run left in the file is kept, if the server can say that it is still the same thing. A
    broken connection is taken up again a few times.

    Args:
        url: `https://...`; plain `http://` for this machine only.
        part: The file that grows. It is whole when the call returns.
        progress: Told after each chunk.
        what: The name that `progress` is told.

    Raises:
        ValueError: The address is not one to fetch from.
        OSError: The server cannot be reached, does not have it, or the disk is full.
    """
    _check_address(url)
    for attempt in range(ATTEMPTS):
        try:
            return _fetch(url, part, progress, what)
        except BROKEN as error:
            if attempt == ATTEMPTS - 1 or not _may_pass(error):
                log.info("%s: %s", url, error)
                raise OSError(_in_short(url, error)) from error
            log.info("%s: %s; trying again", url, error)
            time.sleep(0.25 * 2**attempt)
    return None


class _SafeRedirect(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from an encrypted address to one that is not."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{url} is not an https:// address")


def _in_short(url: str, error: Exception) -> str:
    host = urllib.parse.urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        return f"{host} answers {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, socket.gaierror) or getattr(cause, "errno", None) in UNREACHABLE:
        return f"no network: {host} cannot be reached"
    return f"{host} failed: {cause}"


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, urllib.error.HTTPError) or error.code in (*PASSING, 416)


def _fetch(url: str, part: Path, progress: Progress, what: str) -> None:
    start, version = _left_over(url, part)
    opener = urllib.request.build_opener(_SafeRedirect)
    try:
        response = opener.open(_request(url, start, version), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # what is there is no beginning of what the server has
            part.unlink(missing_ok=True)
        raise
    with response:
        if start and not _continues(response, start):
            start = 0
        _note_version(url, part, response)
        _append(response, part, start, progress, what)


def _request(url: str, start: int, version: str) -> urllib.request.Request:
    headers = {"User-Agent": "pinpoint-keypoints"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    return urllib.request.Request(url, headers=headers)


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _append(response: http.client.HTTPResponse, part: Path, done: int, progress: Progress, what: str) -> None:
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else 0
    with part.open("ab" if done else "wb") as stream:
        progress(done, total, what)
        while chunk := response.read(CHUNK):
            stream.write(chunk)
            done += len(chunk)
            progress(done, total, what)
    if total and done != total:
        raise http.client.IncompleteRead(b"", total - done)


def _version_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _left_over(url: str, part: Path) -> tuple[int, str]:
    """How much of an address is there already, and what the server called that version of it."""
    try:
        noted = json.loads(_version_path(part).read_text("utf-8"))
        known = noted["version"] if noted["url"] == url else ""
        return (part.stat().st_size, known) if known else (0, "")
    except (OSError, ValueError, TypeError, KeyError):
        return 0, ""


def _note_version(url: str, part: Path, response: http.client.HTTPResponse) -> None:
    tag = response.headers.get("ETag", "")
    version = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
    _version_path(part).write_text(json.dumps({"url": url, "version": version}), "utf-8")
