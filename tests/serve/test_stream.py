import gc
import json
import time

import numpy as np
import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from cli.fake_model import find_one
from pinpoint.serve import stream
from pinpoint.serve.answers import Instance, SkeletonAnswer
from pinpoint.serve.frames import Arrived
from pinpoint.serve.settings import Settings
from serve.served import PICTURE, Held, client_of, eventually, service_of, stop

TOKEN = "correct-horse-battery"


def _send(socket, number: int, data: bytes = PICTURE) -> None:
    socket.send_text(json.dumps({"id": number, "seconds": number / 10}))
    socket.send_bytes(data)


def _wait_for_drops(client, count: int) -> None:
    """Wait until the server has got what was sent: so many frames have made room for newer ones."""
    eventually(lambda: f"pinpoint_frames_dropped_total {count}.0\n" in client.get("/metrics").text)


def test_a_stream_begins_with_what_it_tells(client):
    with client.websocket_connect("/v1/stream?task=body") as socket:
        hello = socket.receive_json()
    SkeletonAnswer.model_validate(hello["skeleton"])
    assert {key: hello[key] for key in ("type", "model", "task")} == {
        "type": "hello",
        "model": "body-s",
        "task": "body",
    }


def test_every_frame_is_answered_under_its_id_and_people_keep_theirs(client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        answers = []
        for number in range(4):
            _send(socket, number)
            answers.append(socket.receive_json())
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3]
    assert [answer["seconds"] for answer in answers] == [0, 0.1, 0.2, 0.3]
    people = [Instance.model_validate(one).id for answer in answers[2:] for one in answer["instances"]]
    assert len(people) == 2 and len(set(people)) == 1 and people[0] is not None


def test_frames_need_no_words_before_them(client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        socket.send_bytes(PICTURE)
        answer = socket.receive_json()
    assert (answer["type"], answer["id"], answer["size"]) == ("result", None, [64, 48])


def test_frames_that_come_too_fast_are_dropped_oldest_first_and_counted():
    held = Held()
    with client_of(service_of(held)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 0)
        held.wait()
        for number in range(1, 9):
            _send(socket, number)
        _wait_for_drops(client, 7)
        held.let_go.set()
        answers = [socket.receive_json() for _ in range(2)]
    assert [(answer["id"], answer["dropped"]) for answer in answers] == [(0, 7), (8, 7)]


BAD = {
    "no picture": (b"no picture", "it is text"),
    "a torn picture": (PICTURE[:50], "it is cut off"),
    "nothing": (b"", "it is empty"),
    "too many pixels": (
        PICTURE[:16] + (4000).to_bytes(4, "big") * 2 + PICTURE[24:],
        "4000 x 4000 pixels, over the limit of 9000000",
    ),
    "too many bytes": (b"x" * 2_001, "over the limit of 2000: send smaller ones"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_frame_is_an_error_and_the_stream_goes_on(bad):
    data, message = BAD[bad]
    with client_of(service_of(frame=2000)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 1, data)
        error = socket.receive_json()
        _send(socket, 2)
        assert (error["type"], error["id"]) == ("error", 1) and message in error["message"]
        assert socket.receive_json()["id"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{", "this is no JSON"),
        ("[1]", "this is no JSON object"),
        ('{"seconds": NaN}', "seconds is nan"),
        ('{"seconds": true}', "seconds is a bool, expected a number"),
        ('{"id": [1]}', "id is none"),
        ('{"id": 1' + "0" * 5000 + "}", "these are 5009 letters, over the limit of 4096"),
        ("[" * 4000, "this is nested too deeply"),
        ('{"seconds": ' + "[" * 300 + "]" * 300 + "}", "seconds is a list, expected a number"),
        ('{"seconds": 1' + "0" * 400 + "}", "seconds is 1000"),
        ('{"seconds": "\\ud800"}', "seconds is a str"),
        ('{"id": "\\ud800"}', "id is none"),
    ],
)
def test_bad_words_are_an_error_and_the_stream_goes_on(words, message, client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        socket.send_text(words)
        assert message in socket.receive_json()["message"]
        _send(socket, 2)
        assert socket.receive_json()["id"] == 2


def test_times_that_do_not_rise_are_an_error(client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 5)
        socket.receive_json()
        _send(socket, 4)
        assert "seconds is 0.4, not after 0.5" in socket.receive_json()["message"]


@pytest.mark.parametrize(
    "query", ["task=bdy", "model=body-x", "model=a.onnx", "min_score=nan", "min_score=2", "min_scores=.5"]
)
def test_a_stream_of_what_there_is_not_is_refused(query, client):
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(f"/v1/stream?{query}"):
        pass
    assert (refused.value.status_code, "message" in refused.value.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"headers": {"Authorization": f"Bearer {TOKEN}"}}, 101),
        ({"subprotocols": [f"bearer.{TOKEN}"]}, 101),
        ({"subprotocols": ["bearer.wrong-horse-battery"]}, 401),
        ({}, 401),
    ],
)
def test_a_stream_needs_the_token_as_header_or_subprotocol(how, status):
    with client_of(service_of(settings=Settings(token=TOKEN))) as client:
        try:
            with client.websocket_connect("/v1/stream", **how) as socket:
                assert socket.accepted_subprotocol == how.get("subprotocols", [None])[0]
                found = 101
        except WebSocketDenialResponse as refused:
            found = refused.status_code
    assert found == status


@pytest.mark.parametrize("origin", ["http://evil.example", "http://[", "null"])
def test_pages_of_other_sites_may_open_no_stream(origin, client):
    other = {"Origin": origin}
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/v1/stream", headers=other),
    ):
        pass
    assert refused.value.status_code == 403


@pytest.mark.parametrize(("limits", "status"), [({"client_streams": 1}, 429), ({"streams": 1}, 503)])
def test_more_streams_than_allowed_are_refused_until_one_ends(limits, status):
    service = service_of(**limits)
    with client_of(service) as client:
        with client.websocket_connect("/v1/stream") as first:
            first.receive_json()
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/v1/stream"):
                pass
        assert refused.value.status_code == status
        with client.websocket_connect("/v1/stream") as another:
            assert another.receive_json()["type"] == "hello"


def test_streams_of_one_model_share_one_engine():
    loaded = []
    with (
        client_of(service_of(load=lambda name: loaded.append(name) or find_one)) as client,
        client.websocket_connect("/v1/stream") as one,
        client.websocket_connect("/v1/stream?task=body") as two,
    ):
        for socket in (one, two):
            socket.receive_json()
            _send(socket, 1)
            assert socket.receive_json()["id"] == 1
    assert loaded == ["body-s"]


def test_a_silent_stream_is_closed_and_told_why():
    with client_of(service_of(idle=0.1)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        assert "no frame came for too long" in socket.receive_json()["message"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1000


def test_a_stop_answers_the_frame_that_was_taken_and_closes_the_stream():
    held = Held()
    service = service_of(held, stop=1000.0)
    with client_of(service) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 0)
        held.wait()
        stop(client, service)
        held.let_go.set()
        assert socket.receive_json()["id"] == 0
        assert socket.receive_json()["message"] == "the server is stopping"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1001


def test_a_stop_waits_for_a_frame_no_longer_than_it_may():
    held = Held()
    service = service_of(held, stop=0.1)
    with client_of(service) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 0)
        held.wait()
        stop(client, service)
        assert socket.receive_json()["message"] == "the server is stopping"
        held.let_go.set()


def test_frames_may_have_no_more_pixels_than_pictures():
    with client_of(service_of(pixels=3071)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 1)
        assert "64 x 48 pixels, over the limit of 3071" in socket.receive_json()["message"]


def test_instances_below_the_wanted_score_are_left_out(client):
    for score, count in ((0.7, 1), (0.8, 0)):
        with client.websocket_connect(f"/v1/stream?min_score={score}") as socket:
            socket.receive_json()
            for number in range(2):
                _send(socket, number)
                answer = socket.receive_json()
        assert len(answer["instances"]) == count


def test_a_model_that_fails_ends_its_stream_with_an_error(caplog):
    def broken(image, boxes=None):
        raise ValueError("secret detail")

    with client_of(service_of(broken)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 0)
        assert socket.receive_json() == {
            "type": "error",
            "id": None,
            "message": "looking at this stream failed: connect again",
        }
    assert "secret detail" in caplog.text


def test_a_model_that_cannot_be_loaded_is_told_before_the_stream_is_closed():
    def load(name):
        raise OSError("/secret")

    with client_of(service_of(load=load)) as client, client.websocket_connect("/v1/stream") as socket:
        told = socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert ("cannot be loaded" in told["message"], closed.value.code) == (True, 1013)


def test_a_client_that_leaves_lets_go_of_its_stream():
    service = service_of()
    with client_of(service) as client:
        for _ in range(3):
            with client.websocket_connect("/v1/stream") as socket:
                socket.receive_json()
                _send(socket, 0)
        assert service.traffic.active == 0
        assert not service.watches["body-s"].busy
        assert "pinpoint_streams 0.0" in client.get("/metrics").text


def test_the_answer_is_in_pixels_of_the_frame(client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        answers = []
        for number in range(3):
            _send(socket, number)
            answers.append(socket.receive_json())
    expected = find_one(np.zeros((48, 64, 3), np.uint8)).xy[0]
    found = [point[:2] for point in answers[-1]["instances"][0]["keypoints"]]
    np.testing.assert_allclose(found, expected, atol=0.005)


def test_words_alone_do_not_keep_a_stream_open():
    """They come ten times as often as frames have to."""
    with client_of(service_of(idle=0.2)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        told = []
        while "no frame came for too long" not in told and len(told) < 500:
            socket.send_text("{")
            told.append(socket.receive_json()["message"].partition(":")[0])
            time.sleep(0.02)
    assert told[-1] == "no frame came for too long"


def _arrived():
    """How many frames that came are in memory; whatever ran before may have left some."""
    gc.collect()
    return sum(type(each) is Arrived for each in gc.get_objects())


def test_frames_that_are_dropped_are_neither_decoded_nor_kept(monkeypatch):
    """While the model looks at one frame for long, forty others come; then only the newest is looked at."""
    held, decoded, before = Held(), [], _arrived()
    decode = stream.decode_image
    monkeypatch.setattr(stream, "decode_image", lambda *a, **b: decoded.append(1) or decode(*a, **b))
    with client_of(service_of(held)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        _send(socket, 0)
        held.wait()
        for number in range(1, 41):
            _send(socket, number)
            _wait_for_drops(client, number - 1)
        kept = _arrived() - before
        held.let_go.set()
        assert kept < 5
        answers = [socket.receive_json() for _ in range(2)]
    assert ([answer["id"] for answer in answers], answers[1]["dropped"], len(decoded)) == ([0, 40], 39, 2)
