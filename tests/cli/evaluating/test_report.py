"""The report holds everything in one file, and says what the numbers say."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from cli.fake_model import find_one
from pinpoint.cli import estimators
from pinpoint.cli.evaluating import numbers, report
from pinpoint.skeletons import skeleton

pytest.importorskip("matplotlib")

COCO = skeleton("coco17")
BOX = [9.5, 9.5, 49.5, 39.5]
PICTURE = re.compile(r'src="data:image/(png|jpeg);base64,([^"]+)"')


@pytest.fixture
def evaluate(folder, pinpoint, picture, monkeypatch):
    """Evaluates the fake or files on two pictures; `half.json` has what is labelled in the first one."""

    def run(*options, gone=(), shift=0.0):
        kps = find_one(np.zeros((48, 64, 3), np.uint8), [BOX])
        flat = np.concatenate([kps.xy[0] + shift, np.full((17, 1), 2)], axis=1).ravel().tolist()
        shared = {"category_id": 1, "bbox": [10, 10, 40, 30], "keypoints": flat}
        parts = {
            "images": [{"id": n, "file_name": f"{n}.png"} for n in (1, 2)],
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO.keypoints)}],
            "annotations": [{"image_id": n, "area": 700} | shared for n in (1, 2)],
        }
        for name in {"1.png", "2.png"} - set(gone):
            picture(name)
        (folder / "labels.json").write_text(json.dumps(parts))
        (folder / "half.json").write_text(json.dumps([{"image_id": 1, "score": 0.9} | shared]))
        monkeypatch.setattr(estimators, "load_estimator", lambda choice: find_one)
        monkeypatch.setattr(numbers, "DRAWS", 20)
        outcome = pinpoint("evaluate", "--data", "labels.json", "--html", "o.html", *options)
        assert outcome.status == 0, outcome.err
        return (folder / "o.html").read_text("utf-8")

    return run


pages: dict[str, str] = {}


@pytest.fixture
def page(evaluate):
    """The report of the fake, which is two pixels off, and of the half that is right; made once."""
    if not pages:
        options = ("--model", "fake", "--boxes", "truth", "--predictions", "<b>$x_1$=half.json")
        pages["both"] = evaluate(*options, shift=2.0)
    return pages["both"]


class Links(HTMLParser):
    """Gathers every address in a page, and checks that tags are closed."""

    def __init__(self, page):
        super().__init__()
        self.addresses, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action", "data")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_report_needs_nothing_but_itself(page):
    links = Links(page)
    assert links.open == [] and links.addresses
    assert all(address.startswith("data:image/") for address in links.addresses)
    assert "http://" not in page and "https://" not in page and "@import" not in page


def test_every_picture_of_a_report_can_be_read(page):
    pictures = [base64.b64decode(data) for _, data in PICTURE.findall(page)]
    shapes = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape for data in pictures]
    assert len(shapes) == 10 + 2 * 3  # figures, and two pictures as labelled and as each run found them
    assert [shape[2] for shape in shapes] == [4] * 10 + [3] * 6  # figures lie on a white or a dark page
    assert min(min(shape[:2]) for shape in shapes) > 100


def test_a_report_shows_the_numbers_of_every_run_and_their_differences(page):
    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert re.search(r"fake +boxes: truth +&lt;b&gt;\$x_1\$ +boxes: file +&lt;b&gt;\$x_1\$ - fake", text)
    assert re.search(r" AP75 +0\.\d+ +0[^-+]+ to 0\.\d+ +[-+]?0\.\d+", text)
    assert "without predictions" in text and "those of coco17" in text


def test_a_report_fits_narrow_and_dark_screens(page):
    """Whatever may be wide scrolls on its own; colours of text and page are chosen together."""
    assert page.count("<table") == page.count('<div class="wide"><table') == 2
    style = page.split("</style>")[0]
    assert "prefers-color-scheme: dark" in style and "max-width: 100%" in style
    rest = style.split("body {")[1]
    assert not re.findall(r"(?<![-\w])(?:color|background): *#", rest)


def test_names_are_escaped(page):
    assert "<b>$x" not in page and "&lt;b&gt;$x" in page


def test_the_worst_picture_comes_first_and_perfect_ones_not_at_all(evaluate):
    """Predictions from a file need no pictures, so that one of them is gone is no failure."""
    page = evaluate("--predictions", "half.json", gone=("2.png",))
    (worst,) = re.findall(r"<b>(\d+)\. ([^<]+)</b>: ([^<]+)</p>", page)
    assert worst == ("1", "2.png", "1 labelled, mean OKS 0.00, 1 without anything near, 0 found")
    assert "The picture could not be read." in page


def test_boxes_have_a_report_too(evaluate, folder):
    boxes = [{"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [10, 10, 40, 30]}]
    (folder / "boxes.json").write_text(json.dumps(boxes))
    page = evaluate("--predictions", "boxes.json")
    assert Links(page).open == [] and "recall" in page


def test_a_missing_package_is_said_before_anything_is_looked_at(monkeypatch, pinpoint, folder):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    outcome = pinpoint("evaluate", "--data", "gone.json", "--predictions", "gone.json", "--html", "o.html")
    assert outcome.status == 2 and 'pip install "pinpoint-keypoints[report]"' in outcome.err
