import gc

import cv2
import numpy as np
import pytest

from cli.fake_model import find_one
from odd_inputs import jpeg_with_orientation
from pinpoint.io.images import decode_image
from pinpoint.serve.answers import Batch, Detection
from pinpoint.serve.settings import Settings
from serve.served import PICTURE, client_of, files, service_of


def _message(answer) -> str:
    return answer.json()["error"]["message"]


def test_one_picture_is_answered_with_what_the_model_says(client):
    answer = client.post("/v1/detect?task=body", files=files(PICTURE))
    told = Detection.model_validate_json(answer.text, strict=True)
    assert (answer.status_code, told.model, told.size) == (200, "body-s", (64, 48))
    (instance,) = told.instances
    expected = find_one(np.zeros((48, 64, 3), np.uint8))
    found = [point[:2] for point in instance.keypoints if point]
    np.testing.assert_allclose(found, expected.xy[0], atol=0.005)
    assert (instance.id, instance.score, instance.box) == (None, 0.75, (0, 0, 64, 48))


def test_the_skeleton_is_told_with_edges_by_place_and_a_colour_for_each_keypoint(client):
    told = client.post("/v1/detect", files=files(PICTURE)).json()["skeleton"]
    ends = [told["keypoints"][at] for at in told["edges"][0]]
    assert (told["name"], len(told["colors"]), ends) == ("coco17", 17, ["left_ankle", "left_knee"])


def test_several_pictures_are_answered_in_their_order_and_a_bad_one_alone_has_an_error(client):
    other = PICTURE[:60]
    told = client.post("/v1/detect", files=files(PICTURE, other, PICTURE)).json()
    Batch.model_validate(told)
    assert [row["file"] for row in told["results"]] == ["0.png", "1.png", "2.png"]
    assert ["error" in row for row in told["results"]] == [False, True, False]


def test_a_picture_is_turned_upright_before_it_is_looked_at(client, tmp_path):
    jpeg_with_orientation(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8), 6)
    told = client.post("/v1/detect", files=files((tmp_path / "a.jpg").read_bytes())).json()
    assert told["size"] == [48, 64]


@pytest.mark.parametrize(
    ("accept", "kind", "magic"), [("*/*", "image/jpeg", b"\xff\xd8"), ("image/png", "image/png", b"\x89PNG")]
)
def test_a_drawing_is_of_the_kind_that_is_accepted(accept, kind, magic, client):
    answer = client.post("/v1/detect?draw=true", files=files(PICTURE), headers={"Accept": accept})
    assert (answer.headers["content-type"], answer.content[: len(magic)]) == (kind, magic)
    assert np.ptp(decode_image(answer.content)) > 60  # there is more than the grey of the picture


def test_instances_below_the_wanted_score_are_left_out(client):
    told = client.post("/v1/detect?min_score=0.8", files=files(PICTURE)).json()
    assert told["instances"] == []


BAD = {
    "an empty file": ("", [("file", ("a.jpg", b""))], 422, "cannot read 'a.jpg': it is empty"),
    "a torn file": ("", files(PICTURE[:50]), 422, "it is cut off"),
    "text": ("", files(b"hello there, no picture"), 422, "it is text"),
    "another field": ("", [("picture", ("a.png", PICTURE))], 422, "in 'picture': call the field `file`"),
    "an unknown task": ("?task=bdy", files(PICTURE), 422, "task is 'bdy'"),
    "an unknown model": ("?model=body-x", files(PICTURE), 422, "did you mean body-s"),
    "a model's file": ("?model=../m.onnx", files(PICTURE), 422, "not a file"),
    "a detector": ("?model=person-n", files(PICTURE), 422, "finds no keypoints"),
    "a model of another task": ("?task=face&model=body-s", files(PICTURE), 422, "is for body, not for face"),
    "an option misspelt": (
        "?min_scores=.5",
        files(PICTURE),
        422,
        "no option 'min_scores': did you mean min_score? the options are task, model, draw, min_score",
    ),
    "an option in the form": (
        "",
        [*files(PICTURE), ("task", ("", b"face"))],
        422,
        "field 'task', and only `file` is read",
    ),
    "NaN": ("?min_score=nan", files(PICTURE), 422, "min_score is 'nan'"),
    "a negative score": ("?min_score=-1", files(PICTURE), 422, "min_score is '-1'"),
    "two to draw": ("?draw=1", files(PICTURE, PICTURE), 422, "draw takes one file"),
    "too many": ("", files(*[PICTURE] * 17), 413, "17 files came, over the limit of 16"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused_with_what_to_do_about_it(bad, client):
    query, form, status, message = BAD[bad]
    answer = client.post(f"/v1/detect{query}", files=form)
    assert answer.status_code == status
    assert message in _message(answer)


FORMS = {
    "no form": ("application/json", b"{}", 415),
    "nothing": ("", b"", 415),
    "no boundary": ("multipart/form-data", b"x", 400),
    "another boundary": ("multipart/form-data; boundary=b", b"--a\r\n\r\n--a--", 400),
    "an end too soon": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nxy',
        422,
    ),
}


# A file that is not whole is left for the garbage collector by the library that reads forms.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("form", FORMS)
def test_a_broken_form_is_refused(form, client):
    kind, body, status = FORMS[form]
    answer = client.post("/v1/detect", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, bool(_message(answer))) == (status, True)
    gc.collect()


def test_a_picture_of_too_many_pixels_is_refused_by_its_header():
    """Its 100 million pixels are never there: the file ends after the header."""
    bomb = PICTURE[:16] + (10_000).to_bytes(4, "big") * 2 + PICTURE[24:]
    with client_of(service_of()) as client:
        answer = client.post("/v1/detect", files=files(bomb))
    assert answer.status_code == 422
    assert "10000 x 10000 pixels, over the limit of 50000000" in _message(answer)


def test_a_model_is_loaded_once_and_named_by_task_or_name():
    loaded = []
    with client_of(service_of(load=lambda name: loaded.append(name) or find_one)) as client:
        for query in ("", "?task=body", "?model=body-s"):
            client.post(f"/v1/detect{query}", files=files(PICTURE))
    assert loaded == ["body-s"]


def test_a_model_that_cannot_be_loaded_is_a_503_that_tells_no_path(caplog):
    def load(name):
        raise OSError("put it at /secret/folder")

    with client_of(service_of(load=load)) as client:
        answer = client.post("/v1/detect", files=files(PICTURE))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "secret" not in answer.text and "secret" in caplog.text


def test_a_model_that_is_not_here_is_refused_where_none_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path))
    with client_of(service_of(settings=Settings(fetch=False))) as client:
        answer = client.post("/v1/detect?model=rtmpose-m", files=files(PICTURE))
    assert (answer.status_code, "fetches none" in _message(answer)) == (422, True)


def test_a_fault_of_ours_is_a_500_without_a_trace(caplog):
    def broken(image, boxes=None):
        raise ZeroDivisionError("secret detail")

    with client_of(service_of(estimator=broken)) as client:
        answer = client.post("/v1/detect", files=files(PICTURE))
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "secret detail" in caplog.text


def test_a_drawing_that_jpeg_cannot_hold_is_a_png(client):
    wide = cv2.imencode(".png", np.zeros((2, 65_536), np.uint8))[1].tobytes()
    answer = client.post("/v1/detect?draw=true", files=files(wide))
    assert answer.headers["content-type"] == "image/png"


def test_every_request_is_told_of_a_model_that_cannot_be_loaded_in_the_same_words():
    def load(name):
        raise OSError("no")

    with client_of(service_of(load=load)) as client:
        one, two = (client.post("/v1/detect", files=files(*[PICTURE] * count)) for count in (1, 2))
    assert one.json() == two.json() and one.headers["retry-after"] == two.headers["retry-after"] == "30"
