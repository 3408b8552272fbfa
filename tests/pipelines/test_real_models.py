"""Other projects' networks, brought by the user, on real photographs."""

import json
from functools import cache

import numpy as np
import pytest

import pinpoint as pp
from pinpoint import hub
from pinpoint.evaluation.oks import oks
from pinpoint.geometry import iou

FILES = {
    "rtmdet-nano": "rtmdet_nano_person_end2end.onnx",
    "yolox-nano": "yolox_nano.onnx",
    "yunet": "yunet_n_dynamic.onnx",
    "movenet-lightning": "movenet_single_pose_lightning_ptq.tflite",
}
COCO = pp.skeleton("coco17")


@pytest.fixture(scope="module")
def brought(shared_data, tmp_path_factory):
    """The four files, added to a cache of their own that takes MediaPipe's models from the user's."""
    own = hub.cache_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINPOINT_CACHE", str(tmp_path_factory.mktemp("cache")))
        if (own / "models").is_dir():
            patch.setenv("PINPOINT_MIRROR", str(own / "models"))
        for name, file in FILES.items():
            hub.add(shared_data / "weights" / file, like=name, name=name)
        yield cache(pp.load)


@pytest.fixture(scope="module")
def people(shared_data):
    """Twelve photographs, each with labelled points (N, 17, 2), boxes (N, 4) and areas (N,)."""
    labels = json.loads((shared_data / "coco_person/val.json").read_text("utf-8"))
    by_image: dict = {}
    for annotation in labels["annotations"]:
        if annotation["num_keypoints"] >= 8:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
    pictures = []
    for image in [image for image in labels["images"] if image["id"] in by_image][:12]:
        found = by_image[image["id"]]
        points = np.array([a["keypoints"] for a in found], dtype=float).reshape(-1, 17, 3)
        x, y, width, height = np.array([a["bbox"] for a in found]).T
        pictures.append(
            (
                pp.read_image(shared_data / "coco_person/val" / image["file_name"]),
                np.where(points[..., 2:] > 0, points[..., :2], np.nan),
                np.stack([x, y, x + width, y + height], axis=1) - 0.5,
                np.array([a["area"] for a in found]),
            )
        )
    return pictures


def mean_oks(estimate, people, *, given):
    """Mean OKS of everybody, by the box that was given or by the best of those found."""
    scores = []
    for image, truth, boxes, areas in people:
        kps = estimate(image, boxes) if given else estimate(image)
        similar = oks(truth, pp.convert(kps, "coco17").xy, areas, np.array(COCO.sigmas))
        scores += [*(np.diagonal(similar) if given else similar.max(axis=1, initial=0))]
    return np.mean(scores)


@pytest.mark.shared
@pytest.mark.parametrize(("looks", "least"), [(1, 0.6), (2, 0.6)])
def test_movenet_reads_people_in_true_boxes(brought, people, looks, least):
    """Measured on 25 photographs: .66 and .67; points half a box away would give next to nothing."""
    assert mean_oks(brought("movenet-lightning", looks=looks), people, given=True) > least


@pytest.mark.shared
@pytest.mark.parametrize(("detector", "least"), [("rtmdet-nano", 0.6), ("yolox-nano", 0.55)])
def test_movenet_reads_the_people_that_a_detector_finds(brought, people, detector, least):
    assert mean_oks(brought("movenet-lightning", detector=detector), people, given=False) > least


@pytest.mark.shared
@pytest.mark.network
def test_blazeposes_detector_finds_people_for_movenet(brought, people):
    """It finds fewer; were its boxes of faces taken for bodies, next to nothing would be right."""
    pose = brought("movenet-lightning", detector="mediapipe-pose-detector")
    assert mean_oks(pose, people, given=False) > 0.3


@pytest.mark.shared
@pytest.mark.network
@pytest.mark.parametrize("detector", ["rtmdet-nano", "yolox-nano"])
def test_blazepose_reads_the_people_that_other_detectors_find(brought, people, detector):
    pose = brought("mediapipe-pose-full", detector=detector)
    own = brought("mediapipe-pose-full")
    assert mean_oks(pose, people[:5], given=False) > mean_oks(own, people[:5], given=False) - 0.05


@pytest.mark.shared
@pytest.mark.parametrize("name", ["rtmdet-nano", "yolox-nano"])
def test_a_detector_alone_tells_boxes(brought, people, name):
    found = [(iou(boxes, brought(name)(image).boxes).max(axis=1) > 0.5) for image, _, boxes, _ in people]
    assert np.concatenate(found).mean() > 0.8


@pytest.mark.shared
def test_a_detector_scores_the_boxes_it_is_given(brought, people):
    """True boxes are confirmed; one where nobody fits is not."""
    image, _, boxes, _ = people[0]
    given = brought("rtmdet-nano")(image, [*boxes, [1, 1, 5, 5]])
    assert given.boxes.tolist() == [*boxes.tolist(), [1, 1, 5, 5]]
    assert given.box_scores[:-1].max() > 0.3
    assert given.box_scores[-1] == 0


@pytest.mark.shared
def test_yunet_tells_right_from_left(brought, astronaut):
    found = brought("yunet")(astronaut)
    assert len(found) == 1
    eyes = found.xy[0, [found.skeleton.index("right_eye"), found.skeleton.index("left_eye")]]
    np.testing.assert_allclose(eyes, [[204, 101], [246, 103]], atol=6)


@pytest.mark.shared
@pytest.mark.network
def test_faces_of_another_detector_are_read_too(brought, astronaut):
    """YuNet's boxes are tighter and carry five points; the mesh must come out where it does with its own."""
    own, other = (
        brought("mediapipe-face-mesh", detector=detector)(astronaut) for detector in (None, "yunet")
    )
    size = np.ptp(own.xy[0], axis=0).max()
    assert np.linalg.norm(own.xy - other.xy, axis=2).mean() < 0.03 * size
