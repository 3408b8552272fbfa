import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.fake_model import find_one
from pinpoint.serve.answers import ErrorAnswer, Models
from pinpoint.serve.journal import JsonLines
from pinpoint.serve.settings import Settings
from serve.served import PICTURE, client_of, files, service_of


def _figures(client, **options) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics", **options).text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_models_are_those_that_can_be_asked_for(client):
    told = Models.model_validate_json(client.get("/v1/models").text, strict=True)
    assert {task: row.model for task, row in told.tasks.items()} == {
        "body": "body-s",
        "face": "mediapipe-face68",
        "hand": "mediapipe-hand-full",
        "wholebody": "mediapipe-wholebody",
    }
    assert {row.task for row in told.models} == {"body", "face", "hand", "wholebody"}
    statuses = {client.post(f"/v1/detect?model={row.name}").status_code for row in told.models}
    assert statuses == {415}  # each is known; it is the form that is missing


def test_models_take_no_options(client):
    answer = client.get("/v1/models?task=face")
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "/v1/models has no option 'task': it takes none"


def test_a_model_is_ready_once_its_files_are_here(client, tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path))
    rows = {row["name"]: row["ready"] for row in client.get("/v1/models").json()["models"]}
    assert (rows["body-s"], rows["rtmpose-m"], rows["mediapipe-wholebody"]) == (True, False, False)


def test_a_request_that_is_refused_on_the_way_counts_for_where_it_wanted_to_go():
    with client_of(service_of(settings=Settings(token="correct-horse-battery"))) as client:
        for path in ("/v1/models", "/v1/elsewhere"):
            client.get(path)
        token = {"Authorization": "Bearer correct-horse-battery"}
        figures = _figures(client, headers=token)
    routes = {label for labels in figures if labels[0] == "pinpoint_requests_total" for label in labels}
    assert {"/v1/models", "other"} <= routes and "page" not in routes


def test_figures_count_what_was_asked_and_found(client):
    client.post("/v1/detect", files=files(PICTURE, PICTURE))
    client.post("/v1/detect?task=bdy", files=files(PICTURE))
    client.post("/v1/detect", headers={"Content-Length": f"{1 << 40}"})
    client.get("/a/stranger/asks/for/this")
    client.get("/")
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        for data in (b"no picture", PICTURE, PICTURE):
            socket.send_bytes(data)
            socket.receive_json()
        open_now = _figures(client)["pinpoint_streams",]
    figures = _figures(client)
    expected = {
        ("pinpoint_requests_total", "POST", "/v1/detect", "200"): 1,
        ("pinpoint_requests_total", "POST", "/v1/detect", "422"): 1,
        ("pinpoint_requests_total", "POST", "/v1/detect", "413"): 1,
        ("pinpoint_requests_total", "GET", "other", "404"): 1,
        ("pinpoint_requests_total", "GET", "page", "200"): 1,
        ("pinpoint_request_seconds_count", "/v1/detect"): 3,
        ("pinpoint_pictures_total", "body-s", "picture"): 2,
        ("pinpoint_people_total", "body-s", "picture"): 2,
        ("pinpoint_looking_seconds_count", "body-s"): 2,
        ("pinpoint_queue", "body-s"): 0,
        ("pinpoint_pictures_total", "body-s", "stream"): 2,
        ("pinpoint_people_total", "body-s", "stream"): 2,
        ("pinpoint_frame_age_seconds_count", "body-s"): 2,
        ("pinpoint_frames_failed_total",): 1,
        ("pinpoint_frames_dropped_total",): 0,
        ("pinpoint_streams",): 0,
    }
    assert ({key: _value(figures, key) for key in expected}, open_now) == (expected, 1)


def _value(figures: dict[tuple[str, ...], float], key: tuple[str, ...]) -> float | None:
    """Of a sample, whatever the order of its labels."""
    return next((value for name, value in figures.items() if sorted(name) == sorted(key)), None)


def test_every_answer_has_a_schema_and_every_error_the_same(client):
    told = client.get("/openapi.json").json()
    error = {"$ref": "#/components/schemas/ErrorAnswer"}
    assert set(told["paths"]) == {"/healthz", "/metrics", "/v1/models", "/v1/detect"}
    for path, methods in told["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                schemas = [content["schema"] for content in response["content"].values()]
                assert schemas and all(schemas), (path, status)
                assert path == "/healthz" or status == "200" or schemas == [error]


def test_detect_tells_of_every_status_it_answers_with(client):
    told = client.get("/openapi.json").json()["paths"]["/v1/detect"]["post"]
    statuses = {200, 400, 401, 403, 408, 413, 415, 422, 429, 500, 503}
    assert set(map(int, told["responses"])) == statuses
    assert "file" in told["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/detect/more", "/..%2f..%2fetc%2fpasswd"])
def test_what_is_not_there_is_an_error_of_the_one_form(path, client):
    answer = client.get(path)
    assert answer.status_code == 404
    assert ErrorAnswer.model_validate(answer.json()).error.status == 404


def test_an_answer_carries_the_id_that_its_client_gave_it(client):
    named = client.get("/healthz", headers={"X-Request-ID": "my-7"})
    forged = client.get("/healthz", headers={"X-Request-ID": 'x" evil'})
    assert named.headers["x-request-id"] == "my-7"
    assert len(forged.headers["x-request-id"]) == 16


def test_a_line_of_the_log_is_json_that_tells_who_asked_what(client, caplog):
    with caplog.at_level(logging.INFO, "pinpoint"):
        client.post(
            "/v1/detect?task=body&min_score=0.123", files=files(PICTURE), headers={"X-Request-ID": "my-7"}
        )
    (record,) = [record for record in caplog.records if record.getMessage() == "answered"]
    line = json.loads(JsonLines().format(record))
    said = {key: line[key] for key in ("level", "method", "path", "status", "client")}
    assert said == {
        "level": "info",
        "method": "POST",
        "path": "/v1/detect",
        "status": 200,
        "client": "testclient",
    }


def test_who_only_looks_whether_the_server_is_well_fills_no_log(client, caplog):
    with caplog.at_level(logging.DEBUG, "pinpoint"):
        for path in ("/healthz", "/metrics", "/v1/models"):
            client.get(path)
    told = {record.__dict__["path"]: record.levelname for record in caplog.records if "path" in vars(record)}
    assert told == {"/healthz": "DEBUG", "/metrics": "DEBUG", "/v1/models": "INFO"}


def test_lines_about_one_request_share_its_id(caplog):
    def broken(image, boxes=None):
        raise ZeroDivisionError

    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(json.loads(JsonLines().format(record)))
    log = logging.getLogger("pinpoint.serve")
    log.addHandler(handler)
    try:
        with client_of(service_of(broken)) as client, caplog.at_level(logging.INFO, "pinpoint"):
            client.post("/v1/detect", files=files(PICTURE), headers={"X-Request-ID": "my-7"})
    finally:
        log.removeHandler(handler)
    ours = [line for line in lines if line.get("request") == "my-7"]
    assert [line["message"] for line in ours] == ["POST /v1/detect failed", "answered"]
    assert "ZeroDivisionError" in ours[0]["exception"]


def test_models_are_loaded_before_anyone_asks_if_so_wanted():
    """Once for pictures and once for streams, and under the name that requests will have."""
    loaded = []
    service = service_of(
        load=lambda name: loaded.append(name) or find_one, settings=Settings(preload=("body", "body-s"))
    )
    with client_of(service) as client:
        client.post("/v1/detect?task=body", files=files(PICTURE))
        with client.websocket_connect("/v1/stream?task=body") as socket:
            socket.receive_json()
    assert loaded == ["body-s", "body-s"]
