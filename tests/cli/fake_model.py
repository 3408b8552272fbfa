"""A model without weights, for this process and for others."""

from pathlib import Path

import cv2
import numpy as np

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

PROGRAM = """
import sys, time
sys.path.insert(0, {folder!r})
from cli.fake_model import find_one
from pinpoint.cli import estimators, main
def slow(image, boxes=None):
    time.sleep({seconds})
    return find_one(image, boxes)
estimators.load_estimator = lambda choice: slow
main()
"""


def find_one(image: np.ndarray, boxes: object = None) -> Keypoints:
    """A diagonal of 17 keypoints through the picture, or through each box."""
    height, width = image.shape[:2]
    given = np.array([[0.0, 0.0, width, height]] if boxes is None else boxes, float).reshape(-1, 4)
    along = np.linspace(0.1, 0.9, 17)[None, :, None]
    xy = given[:, None, :2] + along * (given[:, None, 2:] - given[:, None, :2])
    scores = np.full(len(given), 0.75)
    return Keypoints(xy, np.ones(xy.shape[:2]), skeleton("coco17"), boxes=given, box_scores=scores)


def read_drawing(path: Path) -> np.ndarray:
    """Read a file by another reader than ours; the picture if it is one, else none."""
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
