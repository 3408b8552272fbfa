"""From names to estimators: the whole catalogue with networks that do nothing, and every way to be wrong."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.codecs import make_codec
from pinpoint.codecs.ssd import Ssd
from pinpoint.hub import ModelFile, ModelSpec, PullError, catalogue, find
from pinpoint.pipelines import load as module
from pinpoint.pipelines.load import BUILDERS, DEFAULTS, USUAL_DETECTORS, load
from pinpoint.pipelines.search import Search
from pinpoint.runtime import FakeSession, TensorSpec
from pinpoint.skeletons import Skeleton
from spots import SIDE, lit

ROWS = {name: spec for name, spec in catalogue().items() if spec.pipeline in BUILDERS}
OTHERS = {name: spec for name, spec in catalogue().items() if spec.pipeline not in BUILDERS}
PICTURE = lit(50, 40)


def nothing_found(codec):
    rows = len(codec.centers)
    return np.ones((1, rows, 4 + 2 * codec.keypoints)), np.full((1, rows, 1), -50.0)


@pytest.fixture
def no_networks(monkeypatch):
    """Every file is there, networks take pictures of the size that their rows say; detectors find nothing."""
    opened = []

    def pull(spec):
        maps = {f.name: module.pull_as_it_is(spec)[f.name] for f in spec.files if f.name.endswith(".npz")}
        return maps or {"network": Path(spec.name)}

    def open_session(path, **options):
        spec = catalogue().get(path.name, MINE)
        codec, (width, height) = spec.codec, spec.input_size
        opened.append((path.name, options))
        tensor = TensorSpec("image", (None, 3, height, width), np.dtype(np.float32))
        return FakeSession(nothing_found(codec) if isinstance(codec, Ssd) else (), input=tensor)

    monkeypatch.setattr(module, "pull_as_it_is", module.pull, raising=False)
    monkeypatch.setattr(module, "pull", pull)
    monkeypatch.setattr(module, "open_session", open_session)
    return opened


@pytest.mark.parametrize("name", ROWS)
def test_every_model_of_the_catalogue_can_be_built(name, no_networks):
    estimator = load(name)
    assert callable(estimator)
    assert no_networks
    if ROWS[name].pipeline != "one-stage":
        kps = estimator(PICTURE, boxes=[])
        assert (len(kps), kps.skeleton) == (0, ROWS[name].skeleton)


@pytest.mark.parametrize("task", DEFAULTS)
def test_every_task_answers_in_its_own_skeleton(task, no_networks, caplog):
    with caplog.at_level(logging.INFO, "pinpoint"):
        kps = load(task)(PICTURE, boxes=[])
    model, columns = DEFAULTS[task]
    assert kps.skeleton.name == columns
    assert f"{task}: using {model}, the default for this task" in caplog.text


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_that_finds_no_keypoints_says_so(name):
    with pytest.raises(ValueError, match=f"{name} is for {OTHERS[name].task} and finds no keypoints"):
        load(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bodies", "no model 'bodies'; did you mean the task 'body'?"),
        ("hands", "did you mean the task 'hand'?"),
        ("whole-body", "did you mean the task 'wholebody'?"),
        ("rtmpose-n", "did you mean .*rtmpose-"),
        ("mediapipe-pose-ful", "did you mean mediapipe-pose-full"),
        ("q", "no model 'q'; `pinpoint models list`"),
        ("", "no model ''"),
        ("../etc", "no model '../etc'"),
    ],
)
def test_an_unknown_name_is_answered_with_those_close_to_it(name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"search": "everywhere"}, "search is 'everywhere', expected auto, whole or tiles"),
        ({"looks": 3}, "looks is 3, expected 1 or 2"),
        ({"looks": 0}, "looks is 0"),
        ({"threads": -1}, "threads is -1, expected 0"),
        ({"detector": 7}, "detector is 7, expected a model's name or an estimator"),
        ({"detector": "rtmdet-nanno"}, "did you mean .*rtmdet-nano"),
        ({"detector": "mediapipe-selfie-segmentation"}, "is for segmentation, but"),
        (
            {"detector": "hand"},
            "'hand' is for hand, but body-s needs a person-detector: .*yolox-s",
        ),
    ],
)
def test_an_option_that_is_none_is_refused(options, message, no_networks):
    with pytest.raises(ValueError, match=message):
        load("body", **options)


def test_offline_a_file_that_is_missing_is_named_with_its_place_and_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path))
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    with pytest.raises(PullError) as caught:
        load("mediapipe-pose-full")
    for part in ("pose_detection.tflite", str(tmp_path), "pinpoint models pull mediapipe-pose-", "OFFLINE"):
        assert part in str(caught.value)


def test_threads_and_providers_reach_every_network(no_networks):
    load("wholebody", threads=3, providers=("cuda", "cpu"))
    assert len(no_networks) >= 6
    for _, options in no_networks:
        assert (options["threads"], options["providers"]) == (3, ("cuda", "cpu"))


def test_a_detector_may_be_named(no_networks):
    body = load("mediapipe-pose-full", detector="yolox-nano")
    assert sorted(name for name, _ in no_networks) == ["mediapipe-pose-full", "yolox-nano"]
    assert isinstance(body.detector, Search)


def test_a_detector_may_be_an_estimator(no_networks):
    def mine(image, boxes=None):
        return pp.Keypoints.empty(pp.skeleton("box"))

    body = load("rtmpose-m", detector=mine)
    assert [name for name, _ in no_networks] == ["rtmpose-m"]
    assert len(body(PICTURE)) == 0


def test_a_given_detector_of_a_whole_body_finds_people_not_faces(no_networks):
    load("wholebody", detector="yolox-nano")
    names = [name for name, _ in no_networks]
    assert "mediapipe-pose-detector" not in names
    assert {"yolox-nano", "mediapipe-face-short", "mediapipe-palm-full"} <= set(names)


@pytest.mark.parametrize(
    ("name", "detector"),
    [
        ("body", "mediapipe-palm-full"),
        ("wholebody", "yunet"),
        ("face", "yolox-nano"),
        ("hand", "mediapipe-face-short"),
        ("rtmpose-m.hand5", "rtmdet-nano"),
    ],
)
def test_a_detector_of_something_else_is_refused_before_anything_is_loaded(name, detector, no_networks):
    with pytest.raises(ValueError, match=f"detector '{detector}' is for .*, but .* needs a"):
        load(name, detector=detector)
    assert not no_networks


@pytest.mark.parametrize(("name", "task"), [("rtmpose-m", "body"), ("face", "face"), ("hand", "hand")])
def test_a_task_may_be_a_detector(name, task, no_networks):
    load(name, detector=task)
    model, _ = DEFAULTS[task]
    assert {find(model).name, *find(model).parts} & {name for name, _ in no_networks}


def test_a_single_provider_may_be_given_by_its_name(no_networks):
    load("rtmpose-m", providers="cuda")
    assert {options["providers"] for _, options in no_networks} == {("cuda",)}


def test_detectors_with_a_threshold_of_their_own_keep_it(no_networks):
    mediapipe = load("mediapipe-pose-full").detector
    rtmdet = load("mediapipe-pose-full", detector="rtmdet-nano").detector
    assert (mediapipe.mode, mediapipe.min_score) == ("auto", 0.5)
    assert (rtmdet.mode, rtmdet.min_score) == ("whole", 0.0)


@pytest.mark.parametrize("mode", ["whole", "tiles"])
def test_the_search_that_is_asked_for_is_made(mode, no_networks):
    for detector in ("mediapipe-pose-detector", "rtmdet-nano"):
        assert load("mediapipe-pose-full", detector=detector, search=mode).detector.mode == mode


DOT = Skeleton("dot2", ("left", "right"), swaps=(("left", "right"),))
MINE = ModelSpec(
    name="dots",
    task="body",
    pipeline="top-down",
    input_size=(SIDE, SIDE),
    skeleton=DOT,
    codec=make_codec("heatmap", (SIDE, SIDE), heatmap_size=(SIDE // 2, SIDE // 2)),
    detector="yolox-nano",
)


def heatmaps_of_colour(path, spec=None):
    """A network whose heatmaps are the red and the green of the picture at half its size."""
    from onnx import TensorProto, checker, helper, save

    nodes = [
        helper.make_node("AveragePool", ["image"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Slice", ["half", "start", "end", "axis"], ["heatmaps"]),
    ]
    numbers = {"start": 0, "end": 2, "axis": 1}
    graph = helper.make_graph(
        nodes,
        "dots",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["n", 2, SIDE // 2, SIDE // 2])],
        [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if spec is not None:
        helper.set_model_props(model, {"pinpoint": spec.to_json()})
    checker.check_model(model)
    save(model, path)
    return path


def test_a_file_that_describes_itself_is_loaded_where_it_lies(tmp_path, monkeypatch):
    """A red and a green light are found by a network that says no more than where they are."""
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    path = heatmaps_of_colour(tmp_path / "mine.onnx", MINE)
    picture = lit(70, 60) * np.array([1, 0, 0], np.uint8) + lit(100, 80) * np.array([0, 1, 0], np.uint8)
    network = load(path, detector=lambda image: pp.Keypoints.empty(pp.skeleton("box")), looks=1)
    kps = network(picture, [[50, 30, 130, 110]])
    assert kps.skeleton == DOT
    np.testing.assert_allclose(kps.xy[0], [[70, 60], [100, 80]], atol=3)
    assert not (tmp_path / "cache").exists()


def test_the_detector_of_a_file_is_a_file_of_its_own(tmp_path, no_networks):
    load(heatmaps_of_colour(tmp_path / "mine.onnx", MINE))
    assert sorted(name for name, _ in no_networks) == ["mine.onnx", "yolox-nano"]


def test_a_file_cannot_have_others_fetched(tmp_path, no_networks):
    """Its description is somebody else's word; only the catalogue says what comes from the network."""
    face = replace(find("mediapipe-face68"), files=(ModelFile("map.npz", "https://example.invalid/map.npz"),))
    with pytest.raises(ValueError, match="made of mediapipe-face-mesh, expected one network"):
        load(heatmaps_of_colour(tmp_path / "mine.onnx", face))


@pytest.mark.parametrize(("task", "detector"), USUAL_DETECTORS.items())
def test_a_file_without_a_detector_has_the_usual_one_of_its_task(
    task, detector, tmp_path, no_networks, caplog
):
    caplog.set_level(logging.INFO, "pinpoint")
    load(heatmaps_of_colour(tmp_path / "mine.onnx", replace(MINE, task=task, detector="")))
    assert detector in {name for name, _ in no_networks}
    assert f"dots names no detector: using {detector}" in caplog.text


OBJECT = replace(MINE, task="object", detector="", box_scale=1.0)


def test_an_object_without_a_detector_is_looked_for_in_the_whole_picture(tmp_path, caplog):
    caplog.set_level(logging.INFO, "pinpoint")
    network = load(heatmaps_of_colour(tmp_path / "mine.onnx", OBJECT))
    picture = lit(70, 60) * np.array([1, 0, 0], np.uint8) + lit(100, 80) * np.array([0, 1, 0], np.uint8)
    kps = network(picture)
    np.testing.assert_allclose(kps.xy[0], [[70, 60], [100, 80]], atol=3)
    height, width = picture.shape[:2]
    np.testing.assert_array_equal(kps.boxes, [[-0.5, -0.5, width - 0.5, height - 0.5]])
    assert "dots names no detector: using the whole picture as the one box" in caplog.text


def test_boxes_that_are_given_come_before_the_whole_picture(tmp_path):
    network = load(heatmaps_of_colour(tmp_path / "mine.onnx", OBJECT))
    assert network(lit(70, 60), [[50, 30, 130, 110], [0, 0, 40, 40]]).boxes.tolist() == [
        [50, 30, 130, 110],
        [0, 0, 40, 40],
    ]


@pytest.mark.parametrize("task", ["object-detector", "person-detector", "face-detector"])
def test_an_object_is_found_by_any_detector_that_is_a_file(task, tmp_path, no_networks):
    finder = replace(find("yolox-nano"), name="finder", task=task, files=())
    mine = heatmaps_of_colour(tmp_path / "mine.onnx", OBJECT)
    load(mine, detector=str(heatmaps_of_colour(tmp_path / "finder.onnx", finder)))
    assert sorted(name for name, _ in no_networks) == ["finder.onnx", "mine.onnx"]


def test_a_file_cannot_have_another_file_opened(tmp_path, no_networks):
    mine = heatmaps_of_colour(tmp_path / "mine.onnx", replace(OBJECT, detector="theirs.onnx"))
    with pytest.raises(
        ValueError, match=r"names the file theirs\.onnx as its detector; give it as detector="
    ):
        load(mine)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".xml"])
def test_a_file_that_does_not_describe_itself_is_answered_with_advice(suffix, tmp_path):
    path = heatmaps_of_colour(tmp_path / "theirs.onnx").rename(tmp_path / f"theirs{suffix}")
    with pytest.raises(ValueError, match=f"`pinpoint models add {path} --like ROW`"):
        load(path)


@pytest.mark.parametrize("name", ["gone.onnx", "gone.TFLITE", "gone.xml"])
def test_a_file_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(ValueError, match=f"there is no file .*{name}"):
        load(tmp_path / name)


@pytest.mark.parametrize("options", [{"detector": "yolox-nano"}, {"looks": 2}], ids=str)
def test_a_one_stage_model_refuses_what_it_has_no_use_for(options, no_networks):
    with pytest.raises(ValueError, match="rtmo-s finds and reads everything in one look"):
        load("rtmo-s", **options)


@pytest.mark.parametrize(("looks", "twice"), [(None, False), (1, False), (2, True)])
def test_a_bottom_up_model_looks_at_the_mirror_image_when_asked(looks, twice, tmp_path):
    codec = make_codec("paf", (SIDE, SIDE), keypoints=2, edges=[(0, 1)])
    spec = replace(MINE, pipeline="one-stage", detector="", codec=codec)
    estimator = load(heatmaps_of_colour(tmp_path / "mine.onnx", spec), looks=looks)
    assert estimator.flip_test == twice


def test_a_one_stage_model_looks_at_tiles_when_asked(no_networks):
    assert isinstance(load("rtmo-s", search="tiles"), Search)
