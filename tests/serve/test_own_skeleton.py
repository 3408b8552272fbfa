"""A model of a user's own kind, whose skeleton has names alone: no edges, sigmas, sides or parts."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.hub import catalogue
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import EveryFrame
from pinpoint.serve import choice
from pinpoint.serve.answers import Detection, Instance, SkeletonAnswer
from pinpoint.serve.service import Service
from pinpoint.serve.settings import Settings
from pinpoint.skeletons import Skeleton
from pinpoint.stream.engine import Engine
from serve.served import PICTURE, client_of, files

GATE = Skeleton(name="gate", keypoints=("hinge", "latch"))


def find_gate(image, boxes=None) -> Keypoints:
    return Keypoints(np.array([[[10.0, 20.0], [30.0, 20.0]]]), np.full((1, 2), 0.9), GATE)


@pytest.fixture
def own(monkeypatch):
    specs = dict(catalogue())
    specs["gates"] = replace(specs["body-s"], name="gates", task="object", skeleton=GATE, detector="")
    monkeypatch.setattr(choice, "catalogue", lambda: specs)
    monkeypatch.setattr(choice, "find", lambda name: specs[name])
    service = Service(Settings(), lambda _: find_gate, lambda _: Engine(EveryFrame(find_gate, GATE)))
    with client_of(service) as client:
        yield client


@pytest.mark.parametrize("query", ["model=gates", "task=object&model=gates"])
def test_it_is_looked_for_in_pictures(query, own):
    told = own.post(f"/v1/detect?{query}", files=files(PICTURE)).json()
    Detection.model_validate(told)
    assert told["skeleton"]["keypoints"] == ["hinge", "latch"] and told["skeleton"]["edges"] == []
    assert told["instances"][0]["keypoints"] == [[10, 20, 0.9], [30, 20, 0.9]]


def test_it_is_drawn(own):
    answer = own.post("/v1/detect?model=gates&draw=true", files=files(PICTURE))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


def test_a_stream_greets_with_a_colour_for_each_point_and_keeps_ids(own):
    with own.websocket_connect("/v1/stream?task=object&model=gates") as socket:
        hello = socket.receive_json()
        answers = []
        for _ in range(4):
            socket.send_bytes(PICTURE)
            answers.append(socket.receive_json())
    skeleton = SkeletonAnswer.model_validate(hello["skeleton"])
    assert (hello["task"], skeleton.keypoints, len(set(skeleton.colors))) == ("object", ["hinge", "latch"], 2)
    people = [Instance.model_validate(one).id for answer in answers[2:] for one in answer["instances"]]
    assert len(people) == 2 and len(set(people)) == 1 and people[0] is not None


def test_it_is_listed(own):
    rows = {row["name"]: row for row in own.get("/v1/models").json()["models"]}
    assert (rows["gates"]["task"], rows["gates"]["skeleton"]) == ("object", "gate")


def test_a_task_that_only_users_have_models_for_wants_one_named(own):
    answer = own.post("/v1/detect?task=object", files=files(PICTURE))
    assert answer.status_code == 422
    assert "object has no model of its own: name one" in answer.json()["error"]["message"]
