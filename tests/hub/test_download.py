import errno
import socket
from urllib.error import URLError

import pytest

from pinpoint.hub import download as module
from pinpoint.hub.download import download

BODY = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)


def fetch(web, tmp_path, seen=None):
    part = tmp_path / "toy.part"
    download(f"{web.address}/toy", part, lambda *step: (seen if seen is not None else []).append(step), "toy")
    return part.read_bytes()


def test_a_file_arrives_and_its_progress_is_told(web, tmp_path):
    web.files["toy"], seen = BODY, []
    assert fetch(web, tmp_path, seen) == BODY
    assert seen[0] == (0, len(BODY), "toy") and seen[-1] == (len(BODY), len(BODY), "toy")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


def test_a_broken_connection_is_taken_up_where_it_broke(web, tmp_path):
    web.files["toy"], web.cut_after = BODY, 300_000
    assert fetch(web, tmp_path) == BODY
    assert web.asked == [("toy", ""), ("toy", "bytes=300000-")]


def test_a_server_without_ranges_starts_again(web, tmp_path):
    web.files["toy"], web.cut_after, web.ranges = BODY, 300_000, False
    assert fetch(web, tmp_path) == BODY


def test_a_file_that_changed_meanwhile_starts_again(web, tmp_path, monkeypatch):
    """The beginning of one version and the end of another would be neither."""
    web.files["toy"], web.cut_after, web.version = BODY, 300_000, '"1"'
    with monkeypatch.context() as patch, pytest.raises(OSError, match="IncompleteRead"):
        patch.setattr(module, "ATTEMPTS", 1)
        fetch(web, tmp_path)
    web.files["toy"], web.version = BODY[::-1], '"2"'
    assert fetch(web, tmp_path) == BODY[::-1]


def test_what_is_left_of_another_address_is_not_gone_on_with(web, tmp_path):
    (tmp_path / "toy.part").write_bytes(b"something else")
    (tmp_path / "toy.part.version").write_text('{"url": "https://elsewhere/toy", "version": "\\"1\\""}')
    web.files["toy"] = BODY
    assert fetch(web, tmp_path) == BODY


def test_more_left_over_than_there_is_starts_again(web, tmp_path):
    (tmp_path / "toy.part").write_bytes(BODY + b"more")
    version = f'{{"url": "{web.address}/toy", "version": "\\"1\\""}}'
    (tmp_path / "toy.part.version").write_text(version)
    web.files["toy"] = BODY
    assert fetch(web, tmp_path) == BODY


def test_what_is_not_there_is_not_asked_for_again(web, tmp_path):
    with pytest.raises(OSError, match="404"):
        fetch(web, tmp_path)
    assert len(web.asked) == 1


def test_a_server_in_trouble_is_asked_again_a_few_times(web, tmp_path):
    web.files["toy"], web.status = BODY, 503
    with pytest.raises(OSError, match="503"):
        fetch(web, tmp_path)
    assert len(web.asked) == module.ATTEMPTS


NO_NETWORK = "no network: example.org cannot be reached"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            URLError(socket.gaierror(-2, "Name or service not known")),
            NO_NETWORK,
        ),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), NO_NETWORK),
        (URLError(ConnectionRefusedError(111, "refused")), r"example.org failed: \[Errno 111\] refused"),
    ],
    ids=["name", "route", "refused"],
)
def test_the_short_reason_is_told_without_the_address(error, told, tmp_path, monkeypatch):
    def fail(*_):
        raise error if isinstance(error, URLError) else URLError(error)

    monkeypatch.setattr(module, "_fetch", fail)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    with pytest.raises(OSError, match=f"^{told}$"):
        download("https://example.org/a/long/address", tmp_path / "part", lambda *step: None, "x")


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/hosts", "ftp://example.org/x", "x"])
def test_only_encrypted_addresses_are_fetched_from(url, tmp_path):
    with pytest.raises(ValueError, match="not an https:// address"):
        download(url, tmp_path / "part", lambda *step: None, "x")


def test_a_redirect_to_an_address_that_is_not_encrypted_is_not_followed(web, tmp_path):
    web.redirect = "http://example.org/toy"
    with pytest.raises(ValueError, match=r"example\.org/toy is not an https"):
        fetch(web, tmp_path)
