import errno
import io
import os
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pinpoint.hub import ModelFile, PullError, pull
from pinpoint.hub.cache import path_of
from pinpoint.hub.pull import MIRRORS

BODY = os.urandom(1 << 20)

SCRIPT = """
import sys
from pinpoint.hub import ModelSpec, pull
spec = ModelSpec.from_json(sys.stdin.read())
print("ready", flush=True)
print(*pull(spec).values())
"""


def start(spec) -> subprocess.Popen:
    """Pull in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    process.stdin.write(spec.to_json())
    process.stdin.close()
    assert process.stdout.readline() == "ready\n"
    return process


def archive_of(body: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("2023/toy/end2end.onnx", body)
        archive.writestr("2023/toy/detail.json", "{}")
    return stream.getvalue()


def refused(code: int):
    """What a disk does that is full or may not be written to."""

    def refuse(*arguments):
        raise OSError(code, os.strerror(code))

    return refuse


def path(spec) -> Path:
    return path_of(spec.files[0])


def leftovers(cache: Path) -> list[str]:
    kept = (".onnx", ".record", ".lock")
    return [file.name for file in cache.rglob("*") if file.is_file() and not file.name.endswith(kept)]


def test_a_file_is_fetched_once_and_nothing_else_stays(web, cache):
    web.files["toy.onnx"] = BODY
    spec = web.spec()
    assert pull(spec) == pull(spec) == {"toy.onnx": cache / "models" / "toy.onnx"}
    assert path(spec).read_bytes() == BODY
    assert len(web.asked) == 1 and leftovers(cache) == []


@pytest.mark.parametrize("body", [BODY[:1000], BODY[::-1], b""], ids=["cut", "changed", "empty"])
def test_a_damaged_file_is_fetched_again(web, body):
    web.files["toy.onnx"] = BODY
    spec = web.spec()
    pull(spec)
    path(spec).write_bytes(body)
    os.utime(path(spec), ns=(0, 0))
    pull(spec)
    assert path(spec).read_bytes() == BODY


def test_what_the_server_has_must_be_what_the_catalogue_says(web, cache):
    web.files["toy.onnx"] = BODY
    with pytest.raises(PullError, match=f"SHA-256 .* expected {'0' * 64}"):
        pull(web.spec(sha256="0" * 64))
    assert leftovers(cache) == [] and not (cache / "models/toy.onnx").exists()


def test_without_a_published_hash_the_first_file_is_trusted_and_no_other(web):
    web.files["toy.onnx"] = BODY
    spec = web.spec(sha256="")
    pull(spec)
    path(spec).write_bytes(BODY[::-1])
    os.utime(path(spec), ns=(0, 0))
    pull(spec)
    assert path(spec).read_bytes() == BODY


def test_a_member_of_an_archive_is_taken_by_its_ending(web, cache):
    web.files |= {"toy.onnx": BODY, "toy.zip": archive_of(BODY)}
    spec = web.spec(at="toy.zip#end2end.onnx")
    pull(spec)
    assert path(spec).read_bytes() == BODY and leftovers(cache) == []


def test_a_damaged_archive_is_an_error_that_says_so(web, cache):
    whole = archive_of(os.urandom(1 << 10) * 64, zipfile.ZIP_DEFLATED)
    web.files["toy.zip"] = whole[:500] + bytes(100) + whole[600:]
    with pytest.raises(PullError, match=r"toy\.onnx could not be fetched"):
        pull(web.spec(at="toy.zip#end2end.onnx"))
    assert leftovers(cache) == []


@pytest.mark.parametrize(
    "body", [b"no archive", b"PK\x05\x06" + bytes(18)], ids=["no archive", "empty archive"]
)
def test_an_archive_that_does_not_hold_the_file_is_an_error_that_says_so(web, cache, body):
    web.files["toy.zip"] = body
    with pytest.raises(PullError, match=r"not a zip file|has 0 members"):
        pull(web.spec(at="toy.zip#end2end.onnx"))
    assert leftovers(cache) == []


def test_a_killed_pull_goes_on_where_it_stopped(web, cache):
    web.files["toy.onnx"], web.pause = BODY, 0.05
    spec, part = web.spec(), cache / "models/toy.onnx.part"
    with start(spec) as process:
        while not (part.exists() and part.stat().st_size > 1 << 18):
            time.sleep(0.01)
        process.kill()
    web.pause = 0.0
    assert not path(spec).exists()
    pull(spec)
    assert path(spec).read_bytes() == BODY
    assert int(web.asked[-1][1].removeprefix("bytes=").rstrip("-")) >= 1 << 18


def test_two_processes_fetch_a_file_once(web):
    web.files["toy.onnx"], web.pause = BODY, 0.02
    spec = web.spec()
    with start(spec) as one, start(spec) as other:
        answers = [process.stdout.read().strip() for process in (one, other) if process.stdout]
    assert answers == [str(path(spec))] * 2
    assert [name for name, _ in web.asked] == ["toy.onnx"]


def test_offline_nothing_is_asked_and_the_way_out_is_named(web, monkeypatch):
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    web.files["toy.onnx"] = BODY
    spec = web.spec()
    with pytest.raises(PullError) as error:
        pull(spec)
    for told in ("toy.onnx", str(path(spec)), "pinpoint models pull toy", "PINPOINT_OFFLINE"):
        assert told in str(error.value)
    assert web.asked == []


def test_offline_a_file_put_in_the_named_place_is_enough(web, monkeypatch):
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    web.files["toy.onnx"] = BODY
    spec = web.spec()
    path(spec).parent.mkdir(parents=True)
    path(spec).write_bytes(BODY)
    assert pull(spec) == {"toy.onnx": path(spec)}


def test_offline_set_to_0_is_online(web, monkeypatch):
    monkeypatch.setenv("PINPOINT_OFFLINE", "0")
    web.files["toy.onnx"] = BODY
    assert path(web.spec()) in pull(web.spec()).values()


def test_a_file_that_nobody_publishes_is_asked_of_the_user(web):
    spec = replace(web.spec(), files=(ModelFile("toy.onnx"),))
    with pytest.raises(PullError, match="models add FILE --like toy"):
        pull(spec)


def test_a_part_of_this_package_is_used_where_it_lies(web):
    spec = replace(web.spec(), files=(ModelFile("coco17.toml", "package:skeletons/coco17.toml"),))
    found = pull(spec)["coco17.toml"]
    assert "left_ankle" in found.read_text("utf-8")
    assert not found.with_name("coco17.toml.record").exists()


@pytest.mark.parametrize("kind", ["web", "folder"])
def test_a_mirror_is_asked_first(web, tmp_path, monkeypatch, kind):
    web.files["toy.onnx"] = BODY
    spec = replace(web.spec(), files=(replace(web.spec().files[0], source="https://127.0.0.1:1/gone"),))
    (tmp_path / "toy.onnx").write_bytes(BODY)
    monkeypatch.setenv("PINPOINT_MIRROR", web.address if kind == "web" else str(tmp_path))
    pull(spec)
    assert path(spec).read_bytes() == BODY


def test_a_mirror_that_lacks_the_file_is_passed_over(web, tmp_path, monkeypatch):
    web.files["toy.onnx"] = BODY
    monkeypatch.setenv("PINPOINT_MIRROR", str(tmp_path))
    pull(web.spec())
    assert [name for name, _ in web.asked] == ["toy.onnx"]


def test_a_known_copy_is_asked_when_the_publisher_does_not_answer(web, monkeypatch):
    web.files["copy/toy.onnx"] = web.files["toy.onnx"] = BODY
    spec = web.spec(at="gone/toy.onnx")
    monkeypatch.setitem(MIRRORS, f"{web.address}/gone/", f"{web.address}/copy/")
    pull(spec)
    assert [name for name, _ in web.asked] == ["gone/toy.onnx", "copy/toy.onnx"]


def test_when_nobody_has_it_the_reason_is_told_and_the_addresses_are_logged(web, monkeypatch, caplog):
    monkeypatch.setitem(MIRRORS, f"{web.address}/gone/", f"{web.address}/copy/")
    caplog.set_level("INFO", "pinpoint")
    with pytest.raises(PullError, match=r"fetched: 127.0.0.1 answers 404 .*\. Either put"):
        pull(web.spec(at="gone/toy.onnx"))
    for place in ("gone/toy.onnx", "copy/toy.onnx"):
        assert f"{web.address}/{place}: " in caplog.text


@pytest.mark.parametrize(
    ("code", "told"),
    [(errno.ENOSPC, "disk of .* is full"), (errno.EROFS, "cannot be written to.*PINPOINT_CACHE")],
)
def test_trouble_with_the_disk_is_told_as_such(web, monkeypatch, code, told):
    web.files["toy.onnx"] = BODY
    monkeypatch.setattr(sys.modules["pinpoint.hub.pull"], "download", refused(code))
    with pytest.raises(PullError, match=told):
        pull(web.spec())


def test_a_read_only_cache_serves_what_it_holds(web, monkeypatch):
    """Root may write anywhere, so the refusal is acted."""
    web.files["toy.onnx"] = BODY
    spec = web.spec()
    path(spec).parent.mkdir(parents=True)
    path(spec).write_bytes(BODY)
    monkeypatch.setattr(sys.modules["pinpoint.hub.cache"], "write_text", refused(errno.EROFS))
    assert pull(spec) == pull(spec, verify=True) == {"toy.onnx": path(spec)}


def test_progress_is_told_in_bytes_of_the_file(web):
    web.files["toy.onnx"], seen = BODY, []
    pull(web.spec(), lambda *step: seen.append(step))
    assert seen[-1] == (len(BODY), len(BODY), "toy.onnx")
