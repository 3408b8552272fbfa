import threading
import time

import pytest
from starlette.testclient import WebSocketDenialResponse

from cli.fake_model import find_one
from pinpoint.serve.choice import choose_named
from pinpoint.serve.settings import Settings
from serve.served import PICTURE, Held, client_of, eventually, files, service_of, stop

TOKEN = "correct-horse-battery"
WITH_TOKEN = Settings(host="0.0.0.0", token=TOKEN)


def _asked(client, answers: list, *pictures: bytes) -> threading.Thread:
    form = files(*pictures or (PICTURE,))
    thread = threading.Thread(target=lambda: answers.append(client.post("/v1/detect", files=form)))
    thread.start()
    return thread


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/openapi.json", "/v1/detect"])
@pytest.mark.parametrize("said", [None, "Bearer wrong-horse-battery", "Basic " + TOKEN, "Bearer", "Bearer ü"])
def test_nothing_is_told_without_the_token(path, said):
    headers = {"Authorization": said.encode("latin-1")} if said else {}
    with client_of(service_of(settings=WITH_TOKEN)) as client:
        answer = client.request("POST" if "detect" in path else "GET", path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_token_opens_and_health_needs_none():
    with client_of(service_of(settings=WITH_TOKEN)) as client:
        told = client.get("/v1/models", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (told.status_code, client.get("/healthz").status_code) == (200, 200)


def _in_pieces(count: int):
    yield from [b"x" * 100_000] * count


@pytest.mark.parametrize("body", [b"x" * 300_000, _in_pieces(3)], ids=["announced", "chunked"])
def test_a_request_over_the_limit_is_refused_and_its_connection_closed(body):
    with client_of(service_of(upload=250_000)) as client:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = client.post("/v1/detect", content=body, headers=kind)
    assert answer.status_code == 413
    assert "over the limit of 250000 bytes" in answer.json()["error"]["message"]


def test_a_request_of_just_the_limit_is_taken():
    with client_of(service_of()) as client:
        size = len(client.build_request("POST", "/v1/detect", files=files(PICTURE)).read())
    for limit, status in ((size, 200), (size - 1, 413)):
        with client_of(service_of(upload=limit)) as client:
            assert client.post("/v1/detect", files=files(PICTURE)).status_code == status


def test_too_much_held_at_once_is_a_503_until_it_is_answered():
    held, answers = Held(), []
    with client_of(service_of(held, held=len(PICTURE) * 2 + 300)) as client:
        waiting = _asked(client, answers)
        held.wait()
        refused = client.post("/v1/detect", files=files(PICTURE * 2))
        held.let_go.set()
        waiting.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert client.post("/v1/detect", files=files(PICTURE)).status_code == 200


def test_more_requests_of_one_client_than_allowed_are_a_429():
    held, answers = Held(), []
    with client_of(service_of(held, requests=1)) as client:
        waiting = _asked(client, answers)
        held.wait()
        refused = client.get("/v1/models")
        held.let_go.set()
        waiting.join()
        assert (refused.status_code, answers[0].status_code) == (429, 200)
        assert client.get("/v1/models").status_code == 200


def test_a_full_queue_is_a_503_that_says_when_to_ask_again():
    """Two pictures of one request take its two places, and neither is free while one is looked at."""
    held, answers = Held(), []
    with client_of(service_of(held, queue=2)) as client:
        waiting = _asked(client, answers, PICTURE, PICTURE)
        held.wait()
        refused = client.post("/v1/detect", files=files(PICTURE))
        held.let_go.set()
        waiting.join()
    assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (503, True)
    assert ["error" in each for each in answers[0].json()["results"]] == [False, False]


def test_a_batch_has_room_as_a_whole_or_not_at_all():
    held = Held()
    held.let_go.set()
    with client_of(service_of(held, queue=2)) as client:
        assert client.post("/v1/detect", files=files(*[PICTURE] * 3)).status_code == 503
        assert held.calls == 0


def test_what_takes_too_long_is_a_503_and_what_waits_behind_it_is_not_looked_at():
    held, answers = Held(), []
    with client_of(service_of(held, time=1.0)) as client:
        waiting = [_asked(client, answers) for _ in range(2)]
        for each in waiting:
            each.join()
        held.let_go.set()
    assert [answer.status_code for answer in answers] == [503, 503]
    assert held.calls == 1


def test_a_picture_that_waits_too_long_for_its_model_is_a_503_though_there_is_time_left():
    held, answers = Held(), []
    service = service_of(held, wait=1.0)
    with client_of(service) as client:
        first = _asked(client, answers)
        held.wait()
        second = _asked(client, answers)
        eventually(lambda: service.workers["body-s"].waiting == 2)
        time.sleep(1.2)
        held.let_go.set()
        first.join()
        second.join()
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    assert held.calls == 1


@pytest.mark.parametrize("streams", [False, True])
def test_of_more_models_than_may_stay_the_one_used_longest_ago_goes(streams):
    loaded = []
    with client_of(service_of(load=lambda name: loaded.append(name) or find_one, models=2)) as client:
        for task in ("body", "face", "body", "hand", "body", "face"):
            if not streams:
                assert client.post(f"/v1/detect?task={task}", files=files(PICTURE)).status_code == 200
                continue
            with client.websocket_connect(f"/v1/stream?task={task}") as socket:
                assert socket.receive_json()["type"] == "hello"
    body, face, hand = (choose_named(task).name for task in ("body", "face", "hand"))
    assert loaded == [body, face, hand, face]


def test_a_client_that_asks_too_often_is_a_429_that_says_when_to_ask_again():
    """One request in a thousand seconds; the page's files and figures are none."""
    with client_of(service_of(rate=0.001)) as client:
        statuses = [client.get("/v1/models").status_code for _ in range(2)]
        refused = client.post("/v1/detect", files=files(PICTURE))
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/v1/stream"):
            pass
        others = [client.get(path).status_code for path in ("/", "/metrics", "/healthz")]
    assert (statuses, refused.status_code, denied.value.status_code) == ([200, 429], 429, 429)
    assert 900 < int(refused.headers["retry-after"]) <= 1000
    assert "ask less often" in refused.json()["error"]["message"]
    assert others == [200, 200, 200]


def test_a_stopping_server_answers_what_it_took_and_refuses_the_rest():
    held, answers = Held(), []
    service = service_of(held)
    with client_of(service) as client:
        waiting = _asked(client, answers)
        held.wait()
        stop(client, service)
        health, refused = client.get("/healthz"), client.post("/v1/detect", files=files(PICTURE))
        held.let_go.set()
        waiting.join()
    assert (health.status_code, health.json()) == (503, {"status": "stopping"})
    assert (refused.status_code, answers[0].status_code, service.traffic.active) == (503, 200, 0)


ORIGINS = {
    "another site": ("127.0.0.1", (), "http://evil.example", "127.0.0.1:8000", 403),
    "a site that is named": (
        "127.0.0.1",
        ("http://good.example",),
        "http://good.example",
        "127.0.0.1:8000",
        200,
    ),
    "all sites": ("127.0.0.1", ("*",), "http://evil.example", "127.0.0.1:8000", 200),
    "its own page": ("127.0.0.1", (), "http://127.0.0.1:8000", "127.0.0.1:8000", 200),
    "its own page by name": ("127.0.0.1", (), "http://localhost:8000", "localhost:8000", 200),
    "another port": ("127.0.0.1", (), "http://localhost:9000", "localhost:8000", 403),
    "a name that leads here": ("127.0.0.1", (), "http://evil.example:8000", "evil.example:8000", 403),
    "its own name for others": ("0.0.0.0", (), "http://box.lan:8000", "box.lan:8000", 200),
    "half an address": ("127.0.0.1", (), "http://[", "127.0.0.1:8000", 403),
    "an address of no kind": ("0.0.0.0", (), "http://[box.lan]", "[box.lan]", 403),
    "a file": ("127.0.0.1", (), "null", "127.0.0.1:8000", 403),
}


@pytest.mark.parametrize("case", ORIGINS)
def test_pages_may_ask_that_are_its_own_or_named(case):
    host, origins, origin, asked, status = ORIGINS[case]
    with client_of(service_of(settings=Settings(host=host, origins=origins))) as client:
        answer = client.get("/v1/models", headers={"Origin": origin, "Host": asked})
    assert answer.status_code == status


def test_a_browser_is_told_that_a_named_site_may_ask():
    with client_of(service_of(settings=Settings(origins=("http://good.example",), token=TOKEN))) as client:
        asked = {"Origin": "http://good.example", "Access-Control-Request-Method": "POST"}
        before = client.options(
            "/v1/detect", headers=asked | {"Access-Control-Request-Headers": "authorization"}
        )
        refused = client.post("/v1/detect", headers={"Origin": "http://good.example"})
    for answer, status in ((before, 200), (refused, 401)):
        assert answer.headers["access-control-allow-origin"] == "http://good.example"
        assert answer.status_code == status
