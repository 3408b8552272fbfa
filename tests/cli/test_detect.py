import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.fake_model import find_one, read_drawing
from odd_inputs import ODD_INPUTS, make_odd_inputs, make_video
from pinpoint.cli import estimators, moving
from pinpoint.cli.app import FormatName, app
from pinpoint.io.formats import FORMATS, read, read_records, write
from pinpoint.io.records import Record
from pinpoint.io.video_writer import VideoWriter
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.stream import Pauses

STREAMS = [name for name, known in FORMATS.items() if known.streams]


def results(folder, name="keypoints.json"):
    return read_records(folder / "pinpoint-output" / name)


def test_what_is_found_is_written_down_with_name_and_size(detect, picture, folder):
    picture("people.jpg")
    assert detect("people.jpg").status == 0
    (record,) = results(folder)
    expected = find_one(np.zeros((48, 64, 3)))
    assert (record.image, record.size, record.seconds) == ("people.jpg", (64, 48), None)
    np.testing.assert_allclose(record.keypoints.xy, expected.xy, atol=5e-4)  # three decimals


def test_a_picture_is_drawn_under_its_own_name(detect, picture, folder):
    picture("people.png")
    detect("people.png")
    drawing = read_drawing(folder / "pinpoint-output/people.png")
    assert drawing.shape == (48, 64, 3)
    assert (drawing[24, 32] != 128).any(), "a keypoint lies in the middle"
    assert (drawing[2, 60] == 128).all(), "nothing lies in the corner"


def test_the_openpose_style_is_on_black(detect, picture, folder):
    picture("people.png")
    detect("people.png", "--style", "openpose")
    drawing = read_drawing(folder / "pinpoint-output/people.png")
    assert drawing[2, 60].max() == 0 < drawing.max()


def test_the_names_of_formats_are_those_that_can_be_written():
    assert {name.value for name in FormatName} == set(STREAMS)


@pytest.mark.parametrize("name", STREAMS)
def test_every_format_gives_back_an_instance_of_every_picture(name, detect, picture, folder):
    picture("a.jpg"), picture("b.jpg")
    assert detect(".", "--format", name).status == 0
    (path,) = (p for p in (folder / "pinpoint-output").iterdir() if p.suffix != ".jpg")
    assert [len(kps) for kps in read(path)] == [1, 1]


def test_no_draw_leaves_only_keypoints(detect, picture, folder):
    picture("people.jpg")
    detect("people.jpg", "--no-draw", "--out", "results")
    assert [path.name for path in (folder / "results").iterdir()] == ["keypoints.json"]


@pytest.mark.parametrize(("least", "count"), [(0.7, 1), (0.8, 0)])
def test_instances_below_the_least_score_are_left_out(least, count, detect, picture, folder):
    picture("people.jpg")
    detect("people.jpg", "--min-score", least)
    assert len(results(folder)[0].keypoints) == count


def test_two_pictures_of_one_name_do_not_overwrite_each_other(detect, picture, folder):
    picture("a/1.png", level=40), picture("b/1.png", level=200)
    assert detect("a/1.png", "b").status == 0
    drawings = [read_drawing(folder / "pinpoint-output" / name / "1.png") for name in ("a", "b")]
    assert [int(drawing[2, 60, 0]) for drawing in drawings] == [40, 200]
    assert [record.image for record in results(folder)] == ["a/1.png", "b/1.png"]


def test_an_input_is_never_overwritten(detect, picture):
    path = picture("photos/people.jpg")
    before = path.read_bytes()
    outcome = detect("photos", "--out", "photos")
    assert (outcome.status, path.read_bytes()) == (2, before)
    assert "would replace an input" in outcome.err


def test_a_file_is_no_place_for_results(detect, picture, folder):
    before = picture("people.jpg").read_bytes()
    outcome = detect("people.jpg", "--out", "people.jpg")
    assert (outcome.status, picture("people.jpg").read_bytes()) == (2, before)
    assert "--out 'people.jpg' is a file, expected a folder" in outcome.err


def test_results_do_not_replace_the_file_that_boxes_come_from(detect, picture, folder):
    picture("people.jpg")
    detect("people.jpg")
    before = (folder / "pinpoint-output/keypoints.json").read_bytes()
    assert detect("people.jpg", "--boxes", "pinpoint-output/keypoints.json").status == 2
    assert (folder / "pinpoint-output/keypoints.json").read_bytes() == before


def test_a_second_run_replaces_the_first_and_does_not_look_at_its_drawings(detect, picture, folder):
    picture("people.jpg")
    assert detect(".").status == detect(".").status == 0
    assert [record.image for record in results(folder)] == ["people.jpg"]


def test_an_unreadable_model_leaves_earlier_results_alone(pinpoint, detect, picture, monkeypatch, folder):
    picture("people.jpg")
    detect("people.jpg")
    monkeypatch.undo()
    outcome = pinpoint("detect", str(folder / "people.jpg"), "--model", "no-such-model")
    assert outcome.status == 2
    assert "no model 'no-such-model'" in outcome.err
    assert len(results(folder)) == 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("it.pth.tar", "`pinpoint export` makes"),
        ("run", "`pinpoint export` makes"),
        ("hrnet-w32", "models info"),
    ],
)
def test_what_cannot_run_yet_is_refused_with_the_way_there(name, hint, pinpoint, picture, folder):
    picture("people.jpg")
    (folder / "run").mkdir()
    outcome = pinpoint("detect", "people.jpg", "--model", name)
    assert outcome.status == 2
    assert outcome.err.startswith(f"error: {name} is ") and hint in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_video_keeps_its_times_size_and_sound(detect, folder):
    make_video(folder / "clip.mp4", sound=True)
    assert detect("clip.mp4").status == 0
    records = results(folder)
    assert [record.index for record in records] == list(range(50))
    np.testing.assert_allclose([record.seconds for record in records], np.arange(50) / 25, atol=1e-3)
    with av.open(str(folder / "pinpoint-output/clip.mp4")) as drawn:
        assert (drawn.streams.video[0].width, drawn.streams.video[0].height) == (64, 48)
        assert sum(1 for _ in drawn.decode(video=0)) == 50
        assert len(drawn.streams.audio) == 1


@pytest.mark.parametrize(("limit", "count"), [(("--frames", 7), 7), (("--seconds", 0.5), 13)])
def test_a_video_can_be_cut_short(limit, count, detect, folder):
    make_video(folder / "clip.mp4")
    assert detect("clip.mp4", *limit).status == 0
    assert len(results(folder)) == count  # at 25 frames a second, 0.48 s is the last before 0.5


def test_json_lines_on_stdout_are_alone_there(detect, picture, folder):
    picture("a.jpg"), picture("b.jpg")
    outcome = detect("a.jpg", "b.jpg", "--json-lines", "-", "--no-draw")
    header, *lines = map(json.loads, outcome.out.splitlines())
    assert header["skeleton"]["name"] == "coco17"
    assert [line["image"] for line in lines] == ["a.jpg", "b.jpg"]
    assert not (folder / "pinpoint-output").exists()


def test_json_lines_come_beside_a_format_that_is_asked_for(detect, picture, folder):
    picture("a.jpg")
    detect("a.jpg", "--json-lines", "a.jsonl", "--format", "csv")
    assert len(read(folder / "a.jsonl")) == len(results(folder, "keypoints.csv")) == 1


def test_the_summary_counts_and_goes_to_stderr(detect, picture):
    picture("a.jpg"), picture("b.jpg")
    outcome = detect("a.jpg", "b.jpg", "missing.jpg", "--task", "face")
    assert outcome.out == ""
    assert "2 pictures, 2 faces, 1 failed" in outcome.err
    assert "images/s" in outcome.err


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (["clip.mp4"], "2 frames, 2 people in all frames, 1 told apart ("),
        (["clip.mp4", "a.jpg"], "1 picture and 2 frames, 3 people in all of them, 1 told apart ("),
    ],
    ids=len,
)
def test_people_of_a_video_are_said_to_be_those_of_its_frames(inputs, told, detect, picture, folder):
    picture("a.jpg"), make_video(folder / "clip.mp4")
    assert told in detect(*inputs, "--frames", 2).err


def test_people_of_a_video_have_ids(detect, folder):
    make_video(folder / "clip.mp4")
    assert detect("clip.mp4").status == 0
    assert [record.keypoints.track_ids.tolist() for record in results(folder)] == [[1]] * 50


@pytest.mark.parametrize("option", ["--trails", "--every-frame", "--no-smooth"])
def test_a_video_is_followed_as_it_is_asked_for(option, detect, folder):
    """The fake is the same in every frame; what is told of it is, too."""
    make_video(folder / "clip.mp4")
    assert detect("clip.mp4", "--frames", 4, option).status == 0
    xy = [record.keypoints.xy for record in results(folder)]
    np.testing.assert_allclose(xy, np.broadcast_to(xy[0], np.shape(xy)), atol=0.1)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ((), {}),
        (("--every-frame",), {"pauses": None}),
        (("--no-smooth",), {"smooth": False}),
        (("--min-score", 0.5), {"min_score": 0.5}),
    ],
    ids=str,
)
def test_whoever_follows_people_is_told_what_is_wanted(options, changed, detect, folder, monkeypatch):
    make_video(folder / "clip.mp4")
    told, make = [], moving.usual_watcher
    monkeypatch.setattr(moving, "usual_watcher", lambda of, **how: told.append(how) or make(of, **how))
    assert detect("clip.mp4", "--frames", 2, *options).status == 0
    assert told == [{"smooth": True, "pauses": Pauses(), "min_score": 0.0} | changed]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--no-draw",), "drawn over the picture"),
        (("--style", "openpose"), "drawn over the picture"),
        (("--boxes", "boxes.json"), "people who are followed"),
    ],
    ids=str,
)
def test_trails_that_nobody_would_see_are_refused(options, told, detect, folder):
    make_video(folder / "clip.mp4")
    done = detect("clip.mp4", "--trails", *options)
    assert done.status == 2
    assert told in done.err


def test_trails_are_drawn_where_people_came_from(folder, monkeypatch):
    """Somebody who walks to the right leaves more colour behind them than without trails."""
    make_video(folder / "clip.mp4")
    steps = iter(range(1000))

    def walking(image, boxes=None):
        left = 2.0 * (next(steps) % 10)
        return find_one(image, [[left, 5, left + 20, 40]])

    monkeypatch.setattr(estimators, "load_estimator", lambda choice: walking)
    pinpoint = ["detect", "clip.mp4", "--frames", "10"]
    drawn = []
    for options in ([], ["--trails"]):
        assert CliRunner().invoke(app, [*pinpoint, *options]).exit_code == 0
        with av.open(str(folder / "pinpoint-output/clip.mp4")) as video:
            *_, last = video.decode(video=0)
        drawn.append(last.to_ndarray(format="rgb24").astype(int))
    assert np.abs(drawn[1] - drawn[0]).max() > 60


def test_trails_of_a_shaking_camera_are_no_scribble(folder, monkeypatch):
    """Somebody stands still in a scene that shakes: where they are drawn, nothing lies behind them."""
    rng = np.random.default_rng(0)
    world = cv2.resize(rng.integers(0, 255, (40, 50, 3)).astype(np.uint8), (400, 320))
    shakes = rng.integers(-10, 11, (12, 2)).tolist()
    with VideoWriter(folder / "clip.mp4", (320, 240), fps=25) as video:
        for x, y in shakes:
            video.write(world[40 - y : 280 - y, 40 - x : 360 - x])
    drawn = []
    for options in ([], ["--trails"]):
        steps = iter(shakes)

        def standing(image, boxes=None, steps=steps):
            x, y = next(steps)
            return find_one(image, [[130 + x, 60 + y, 190 + x, 200 + y]])

        monkeypatch.setattr(estimators, "load_estimator", lambda choice, standing=standing: standing)
        assert CliRunner().invoke(app, ["detect", "clip.mp4", "--no-smooth", *options]).exit_code == 0
        with av.open(str(folder / "pinpoint-output/clip.mp4")) as video:
            *_, last = video.decode(video=0)
        drawn.append(last.to_ndarray(format="rgb24").astype(int))
    assert np.abs(drawn[1] - drawn[0]).max() < 30  # the encoder's noise


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--task", "hnads"), "'hnads' is none of body, face, hand, wholebody; did you mean hand?"),
        (("--format", "xml"), "'xml' is none of json, jsonl, csv, coco, openpose, parquet\n"),
        (("--search", "tile"), "did you mean tiles?"),
        (("--style", "colour"), "did you mean color?"),
    ],
    ids=str,
)
def test_a_choice_that_is_none_is_answered_with_those_that_are(arguments, told, detect):
    outcome = detect("people.jpg", *arguments)
    assert outcome.status == 2
    assert told in outcome.err
    assert "Value error" not in outcome.err


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_of_an_animation_it_is_said_that_only_the_first_picture_is_taken(suffix, detect, folder):
    first, *others = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)) for level in (40, 120, 200)]
    first.save(folder / f"moving{suffix}", save_all=True, append_images=others)
    first.save(folder / f"still{suffix}")
    outcome = detect(f"moving{suffix}", f"still{suffix}", "--no-draw")
    assert outcome.status == 0
    told = [line for line in outcome.err.splitlines() if "animation" in line]
    assert len(told) == 1 and told[0].startswith(f"warning: moving{suffix} is an animation")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("77", "failed: camera 77: it does not exist"),
        (
            "rtsp://127.0.0.1:1/door",
            "failed: rtsp://127.0.0.1:1/door: it cannot be opened (Connection refused)",
        ),
        (
            "shots/%03d.jpg",
            'failed: shots/%03d.jpg: it does not exist: for numbered pictures write "shots/*.jpg"',
        ),
        ("sound.mp4", "failed: sound.mp4: it holds no video, only sound"),
        ("", "failed: '': it does not exist"),
        ("cut.mkv", "failed: cut.mkv: it is cut off after frame"),
        ("empty", "failed: empty: it is a folder without pictures or videos"),
    ],
)
def test_what_gives_no_frames_is_named_and_the_rest_is_done(given, told, detect, picture, folder):
    make_odd_inputs(folder, [odd for odd in ODD_INPUTS if odd.name in ("cut.mkv",)])
    make_odd_inputs(
        folder, [replace(odd, name="sound.mp4") for odd in ODD_INPUTS if odd.name == "sound_alone.mp4"]
    )
    (folder / "empty").mkdir()
    picture("after.jpg"), make_video(folder / "before.mp4")
    outcome = detect("before.mp4", given, "after.jpg", "--no-draw")
    assert outcome.status == 1
    assert told in outcome.err
    assert {"before.mp4", "after.jpg"} <= {record.image for record in results(folder)}


def test_each_failure_is_one_line_with_its_reason_and_the_rest_is_done(detect, picture, folder):
    picture("good.jpg")
    (folder / "bad.jpg").write_bytes(b"")
    outcome = detect("missing.jpg", "bad.jpg", "good.jpg")
    failures = [line for line in outcome.err.splitlines() if line.startswith("failed: ")]
    assert outcome.status == 1
    assert "missing.jpg: it does not exist" in failures[0]
    assert "bad.jpg: it is empty" in failures[1]
    assert [record.image for record in results(folder)] == ["good.jpg"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("people.jpg", "--task", "tail"),
        ("people.jpg", "--format", "xml"),
        ("people.jpg", "--task", "body", "--model", "rtmpose-m"),
        ("people.jpg", "--boxes", "missing.json"),
        ("people.jpg", "--looks", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(arguments, detect, picture, folder):
    picture("people.jpg")
    outcome = detect(*arguments)
    assert outcome.status == 2
    assert outcome.err
    assert not (folder / "pinpoint-output").exists()


def test_keypoints_that_a_format_cannot_hold_are_wrong_usage(detect, picture, monkeypatch):
    tail = Skeleton("tail2", ("root", "tip"))
    kps = Keypoints(np.ones((1, 2, 2)), np.ones((1, 2)), tail)
    monkeypatch.setattr(estimators, "load_estimator", lambda choice: lambda image: kps)
    picture("people.jpg")
    outcome = detect("people.jpg", "--style", "openpose")
    assert outcome.status == 2
    assert "tail2" in outcome.err


def test_a_model_that_cannot_be_fetched_is_status_1_and_says_what_to_do(pinpoint, picture, folder):
    picture("people.jpg")
    outcome = pinpoint("detect", "people.jpg", "--task", "face")
    assert outcome.status == 1
    assert "pinpoint models pull" in outcome.err
    assert not (folder / "pinpoint-output").exists()


@pytest.fixture
def fetched(monkeypatch):
    """The names of the models that are fetched; all of them are the fake when loaded."""
    names = []
    monkeypatch.setattr(estimators, "pull", lambda spec, *_, **__: names.append(spec.name))
    monkeypatch.setattr(estimators, "load", lambda *_, **__: find_one)
    return names


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--detector", "yolox-nano"), {"rtmpose-m", "yolox-nano"}),
        (("--boxes", "boxes.json"), {"rtmpose-m"}),
        ((), {"rtmpose-m", "rtmdet-nano"}),
    ],
    ids=["another detector", "given boxes", "its own"],
)
def test_a_detector_that_is_replaced_is_not_fetched(arguments, expected, pinpoint, fetched, picture):
    picture("people.jpg")
    write("boxes.json", [Record(find_one(np.zeros((48, 64, 3))), "people.jpg")])
    assert pinpoint("detect", "people.jpg", "--model", "rtmpose-m", *arguments).status == 0
    assert set(fetched) == expected


def test_with_boxes_a_model_is_loaded_without_a_detector(pinpoint, picture, monkeypatch):
    picture("people.jpg")
    write("boxes.json", [Record(find_one(np.zeros((48, 64, 3))), "people.jpg")])
    given = []
    monkeypatch.setattr(estimators, "pull", lambda *_, **__: None)
    monkeypatch.setattr(estimators, "load", lambda *_, detector, **__: given.append(detector) or find_one)
    pinpoint("detect", "people.jpg", "--boxes", "boxes.json")
    assert callable(given[0])


def test_a_detector_of_something_else_is_wrong_usage_and_nothing_is_fetched(pinpoint, fetched, picture):
    picture("people.jpg")
    outcome = pinpoint("detect", "people.jpg", "--task", "face", "--detector", "yolox-nano")
    assert (outcome.status, fetched) == (2, [])
    assert "needs a face-detector: mediapipe-face-full, mediapipe-face-short, yunet" in outcome.err


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is full")
@pytest.mark.parametrize("name", ["video.mp4", "people.jpg"])
def test_a_full_disk_is_no_fault_of_the_inputs_and_ends_the_run(name, detect, picture, folder):
    picture("people.jpg"), picture("other.jpg"), make_video(folder / "video.mp4")
    done = detect(name, "other.jpg", "--no-draw", "--json-lines", FULL)
    assert done.status == 1
    assert done.err == "error: the results '/dev/full' cannot be written: No space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is full")
def test_results_that_do_not_fit_when_they_are_finished_are_named(detect, picture, folder):
    picture("people.jpg"), (folder / "out").mkdir()
    (folder / "out/keypoints.csv").symlink_to(FULL)
    done = detect("people.jpg", "--no-draw", "--format", "csv", "--out", "out")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "'out/keypoints.csv' cannot be written: No space left" in done.err


def test_a_bug_is_not_taken_for_a_bad_picture(detect, picture, monkeypatch):
    def broken(image):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(estimators, "load_estimator", lambda choice: broken)
    picture("people.jpg")
    with pytest.raises(ZeroDivisionError) as caught:
        detect("people.jpg")
    assert caught.value.__notes__ == ["while looking at 'people.jpg'"]


def test_verbose_shows_what_the_library_says_of_its_choices(detect, picture, monkeypatch):
    def loading(choice):
        import logging

        logging.getLogger("pinpoint.pipelines.load").info("using that one")
        return find_one

    monkeypatch.setattr(estimators, "load_estimator", loading)
    picture("people.jpg")
    assert "using that one" in detect("people.jpg", "-v").err
    assert "using that one" not in detect("people.jpg").err


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    make_odd_inputs(folder)
    return folder


@pytest.fixture
def odd_outcome(odd_folder, detect, folder):
    """A folder of odd files, and those in it that a folder does not give, which are named outright."""
    there = [odd for odd in ODD_INPUTS if not odd.unless]
    suffixes = (".svg", ".pdf", ".dng", "without_suffix")
    outright = [odd.name for odd in there if odd.name.endswith(suffixes)] + ["missing.jpg"]
    return there, detect(odd_folder, *(odd_folder / name for name in outright))


def test_of_a_folder_of_odd_files_every_bad_one_is_named_and_every_good_one_done(odd_outcome, folder):
    odd_inputs, outcome = odd_outcome
    done = {record.image.rpartition("/")[2] for record in results(folder)}
    failures = outcome.err.splitlines()
    assert outcome.status == 1
    assert sum(not odd.good for odd in odd_inputs) >= 30
    assert {odd.name for odd in odd_inputs if odd.good} - done == set()
    for odd in (odd for odd in odd_inputs if not odd.good and not odd.name.startswith("folder.")):
        told = [line for line in failures if line.startswith("failed: ") and f"/{odd.name}: " in line]
        assert len(told) == 1, (odd.name, told)
        assert odd.reason in told[0]
