"""What the page shows: cameras, videos and pictures with an overlay that is where it belongs, and moves."""

from typing import Any, cast

import av
import numpy as np
import pytest

import pinpoint as pp
from serve.page.world import eventually, ids_of, kite

FIRST = "performance.getEntriesByName('first-overlay').length > 0"
AT_PLACE = """([x, y]) => {
    const canvas = document.querySelector("#canvas");
    const context = canvas.getContext("2d");
    return [...context.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1).data];
}"""
WATCH_DRAWN = """(milliseconds) => new Promise((done) => {
    const [drawn, end] = [[], performance.now() + milliseconds];
    const look = () => {
        drawn.push(document.querySelector("#canvas").dataset.drawn);
        performance.now() < end ? requestAnimationFrame(look) : done(drawn);
    };
    look();
})"""
# Where the drawn ends of a kite are, while some time goes by: the mean place of blue in every picture drawn.
WATCH_BLUE = """(milliseconds) => new Promise((done) => {
    const canvas = document.querySelector("#canvas");
    const [context, places, end] = [canvas.getContext("2d"), [], performance.now() + milliseconds];
    const look = () => {
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        let [sum, count] = [0, 0];
        for (let i = 0; i < data.length; i += 4) {
            if (Math.abs(data[i] - 64) < 25 && Math.abs(data[i + 1] - 160) < 25 && data[i + 2] > 230) {
                sum += (i / 4) % canvas.width;
                count++;
            }
        }
        places.push(count ? sum / count / canvas.width : -1);
        if (performance.now() < end) requestAnimationFrame(look); else done(places);
    };
    look();
})"""

WIND_BACK = """() => {
    document.querySelector("#seek").value = 0;
    document.querySelector("#seek").dispatchEvent(new Event("input"));
}"""


def state(page, wanted):
    page.wait_for_function(f"document.body.dataset.state === '{wanted}'")


def settled(page):
    """Let two pictures be drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.fixture
def grey(tmp_path):
    """A plain picture, in which every other colour is drawn; 4:3, as the stage of the tests."""
    pp.write_image(tmp_path / "grey.png", np.full((300, 400, 3), 90, np.uint8))
    return tmp_path / "grey.png"


def test_a_camera_is_looked_at_as_the_page_opens(open_page, world):
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    state(page, "live")
    page.wait_for_function("document.querySelector('#people').textContent === '1'")
    assert world.came[0]["size"] == (320, 240)
    assert page.locator("#start-camera").is_enabled()


def test_frames_are_as_small_as_asked_for(open_page, world):
    page = open_page()
    page.select_option("#size", "320")
    page.click("#empty-camera")
    page.wait_for_function(FIRST)
    assert max(world.came[-1]["size"]) == 320


def test_no_more_than_two_frames_are_on_their_way(open_page, world):
    world.pause = None
    page = open_page("?source=camera")
    page.wait_for_function("+document.querySelector('#dropped').textContent > 10")
    assert len(world.came) == 2


def test_times_of_frames_rise_even_if_a_video_is_wound_back(open_page, world, moving):
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    page.wait_for_function(FIRST)
    page.evaluate(WIND_BACK)
    count = len(world.came)
    page.wait_for_function("document.body.dataset.state === 'frozen'")  # the end
    assert len(world.came) > count
    times = [words["seconds"] for words in world.came]
    assert times == sorted(set(times))


def test_a_keypoint_is_drawn_where_it_was_found(open_page, world, grey):
    world.people = lambda n, width, height: [kite(199.5, 119.5, side=60)]
    page = open_page(viewport={"width": 600, "height": 800})  # the stage has the shape of the picture
    page.set_input_files("#file", grey)
    state(page, "found")
    settled(page)
    left, right = (page.evaluate(AT_PLACE, [x, 180 / 300]) for x in (260 / 400, 140 / 400))
    assert left[2] > left[0] + 80  # blue
    assert right[0] > right[2] + 80  # orange
    assert page.evaluate(AT_PLACE, [0.1, 0.1])[:3] == [90, 90, 90]


def test_a_camera_is_mirrored_with_its_overlay_and_can_be_turned(open_page, world):
    world.people = lambda n, width, height: [kite(width * 0.3, height / 2, side=20)]
    page = open_page("?source=camera", viewport={"width": 600, "height": 800})
    page.wait_for_function(FIRST)
    mirrored = page.evaluate(WATCH_BLUE, 200)[-1]
    page.keyboard.press("m")
    settled(page)
    straight = page.evaluate(WATCH_BLUE, 200)[-1]
    assert mirrored == pytest.approx(1 - straight, abs=0.02)
    assert straight == pytest.approx(0.3 + 20 / 320, abs=0.03)


def test_the_overlay_moves_between_results(open_page, world):
    """Results come five times in a second and say left or right; the overlay is drawn in between as well."""
    world.pause = 0.2
    world.people = lambda n, width, height: [kite(width * (0.3 if n % 2 else 0.7), height / 2, side=20)]
    page = open_page("?source=camera", viewport={"width": 500, "height": 600})
    page.wait_for_function("+document.querySelector('#fps').textContent > 2")
    places = np.array(page.evaluate(WATCH_BLUE, 1500))
    inner = places[(places > 0.38) & (places < 0.62)]
    assert len(np.unique(inner.round(2))) >= 5


def test_models_of_a_users_own_kind_can_be_chosen(open_page, world):
    world.own = ("kites", "gates")
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    page.click("label:has(#task-object)")
    for name in ("kites", "gates"):
        page.select_option("#model", name)
        page.wait_for_function("document.body.dataset.state === 'live'")
        page.wait_for_timeout(100)
        assert (world.asked["task"], world.asked["model"]) == ("object", name)
    assert page.locator("#model option").all_inner_texts() == ["kites", "gates"]


def test_the_overlay_of_a_slow_server_stands_until_the_next_result(open_page, world):
    """A frame takes 1.3 s and two are on their way, so results are 2.6 s old as they come."""
    world.pause = 1.3
    page = open_page("?source=camera", viewport={"width": 500, "height": 600})
    page.wait_for_function("performance.getEntriesByName('first-overlay').length > 0")
    page.wait_for_function("+document.querySelector('#latency').textContent > 2000")
    drawn = page.evaluate(WATCH_DRAWN, 2000)
    assert set(drawn) == {"1"}
    assert 0.2 < float(page.inner_text("#fps")) < 1.1


def test_what_scores_below_the_slider_is_not_drawn(open_page, world, grey):
    world.people = lambda n, width, height: [kite(100, 100, score=0.9), kite(300, 100, score=0.4)]
    page = open_page()
    page.set_input_files("#file", grey)
    page.wait_for_function("document.querySelector('#canvas').dataset.drawn === '2'")
    for _ in range(3):
        page.keyboard.press("]")
    page.wait_for_function("document.querySelector('#canvas').dataset.drawn === '1'")


def test_side_by_side_shows_the_plain_picture_too(open_page, world, grey):
    world.people = lambda n, width, height: [kite(200, 150, side=60)]
    page = open_page()
    page.set_input_files("#file", grey)
    state(page, "found")
    page.click("#beside")
    settled(page)
    places = page.evaluate(WATCH_BLUE, 50)
    assert places[-1] > 0.6  # drawn in the right half alone, and the left one shows the picture
    assert page.evaluate(AT_PLACE, [0.25, 0.5])[:3] == [90, 90, 90]


def test_ids_and_trails_are_drawn_if_asked_for(open_page, world):
    """The tag and the trail of the first id have a blue of their own."""
    world.people = lambda n, width, height: [kite(width * (0.3 + 0.02 * (n % 20)), height / 2, id=5, side=9)]
    violet = """() => {
        const canvas = document.querySelector("#canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const all = [...new Uint32Array(data.buffer)];
        return all.filter((color) => color === 0xffff9696).length; // opaque 255, 150, 150
    }"""
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    page.wait_for_function(f"({violet})() > 40")
    page.click("#ids")
    page.wait_for_function(f"({violet})() === 0")


def test_freezing_keeps_the_overlay_and_sends_no_more(open_page, world):
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    page.keyboard.press("f")
    state(page, "frozen")
    count = len(world.came)
    page.wait_for_timeout(1000)
    assert len(world.came) <= count + 2  # those that were on their way; ten times as many come in that time
    count = len(world.came)
    assert page.get_attribute("#canvas", "data-drawn") == "1"
    page.click("#freeze")
    state(page, "live")
    eventually(lambda: len(world.came) > count + 2)


def _last_seconds(page, path):
    with page.expect_download() as download:
        page.keyboard.press("j")
    download.value.save_as(path)
    return pp.read_records(path)[-1].seconds


def test_after_many_steps_the_overlay_is_that_of_the_last_place(open_page, world, moving, tmp_path):
    """Steps come faster than answers; none shows what was found elsewhere, and the last is looked at."""
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    state(page, "frozen")  # the end
    page.wait_for_timeout(500)
    world.pause, first = 0.4, len(world.came)
    world.people = lambda n, width, height: [
        kite(width * (0.2 if n < first + 2 else 0.8), height / 2, side=9)
    ]
    page.keyboard.press(",")
    eventually(lambda: world.came[-1]["id"] >= first)
    page.wait_for_timeout(200)  # two are on their way
    for _ in range(3):
        page.keyboard.press(",")
    places = np.array(page.evaluate(WATCH_BLUE, 2500))
    assert (places[places >= 0] > 0.5).all() and (places > 0.5).any()
    place = float(page.input_value("#seek"))
    assert _last_seconds(page, tmp_path / "saved.json") == pytest.approx(place, abs=0.01)


def test_a_picture_that_is_held_before_anything_was_found_is_looked_at(open_page, world, moving, tmp_path):
    world.pause = 0.7
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    eventually(lambda: len(world.came) >= 1)
    page.wait_for_timeout(300)
    page.keyboard.press("f")
    page.wait_for_timeout(2500)
    place = float(page.input_value("#seek"))
    assert _last_seconds(page, tmp_path / "saved.json") == pytest.approx(place, abs=0.05)


def test_a_picture_that_is_held_is_looked_at_until_who_is_new_in_it_is_told_of(
    open_page, world, moving, tmp_path
):
    """A tracker tells of somebody who is found twice; nobody knows whoever is at another place of a video."""
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    state(page, "frozen")
    page.wait_for_timeout(500)
    first = len(world.came)
    world.people = lambda n, width, height: [kite(width / 2, height / 2, id=7)] if n > first else []
    page.keyboard.press(",")
    page.wait_for_selector('#canvas[data-drawn="0"]')
    page.wait_for_selector('#canvas[data-drawn="1"]')
    assert len(world.came) == first + 2
    assert len({words["seconds"] for words in world.came}) == first + 2
    with page.expect_download() as download:
        page.keyboard.press("j")
    download.value.save_as(tmp_path / "saved.json")
    *_, before, held = pp.read_records(tmp_path / "saved.json")
    assert (held.index, ids_of(held)) == (before.index + 1, [7])


def test_a_video_waits_until_its_model_is_loaded(open_page, world, moving, tmp_path):
    world.loading = 1.5
    page = open_page()
    page.set_input_files("#file", moving["clip"])  # one second of it
    page.wait_for_function(FIRST)
    state(page, "frozen")
    eventually(lambda: len(world.came) >= 3, 5)
    with page.expect_download() as download:
        page.keyboard.press("j")
    download.value.save_as(tmp_path / "saved.json")
    seconds = pp.read_records(tmp_path / "saved.json")[0].seconds
    assert seconds is not None and seconds < 0.4


def test_the_thumb_of_a_paused_video_goes_where_its_keys_lead(open_page, moving):
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    state(page, "frozen")
    page.focus("#seek")
    for _ in range(3):
        page.keyboard.press(",")
    page.wait_for_function("document.querySelector('#seek').value < 0.5")


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_what_is_saved_is_what_the_server_said_and_pinpoint_reads_it(
    suffix, open_page, world, tmp_path, grey
):
    people = [kite(100.25, 100, id=None), kite(300, 120.5, id=None, score=0.5)]
    people[1]["keypoints"][2] = None
    people[1]["box"] = [250, 100, 350, 170]
    world.people = lambda n, width, height: people
    page = open_page()
    page.set_input_files("#file", grey)
    state(page, "found")
    with page.expect_download() as download:
        page.click(f"#save-{suffix}")
    download.value.save_as(tmp_path / f"saved.{suffix}")
    (record,) = pp.read_records(tmp_path / f"saved.{suffix}")
    kps = record.keypoints
    assert (record.image, record.size) == ("grey.png", (400, 300))
    assert kps.skeleton.keypoints == ("tip", "left_end", "right_end")
    assert kps.box_scores is not None and kps.boxes is not None
    np.testing.assert_allclose(kps.xy[:, :2], [[p[:2] for p in one["keypoints"][:2]] for one in people])
    assert np.isnan(kps.xy[1, 2]).all()
    np.testing.assert_allclose(kps.box_scores, [0.9, 0.5])
    np.testing.assert_allclose(kps.boxes[1], people[1]["box"])


def test_ids_and_times_of_a_stream_are_saved(open_page, world, tmp_path, moving):
    page = open_page()
    page.evaluate("document.querySelector('#speed').value = '0.25'")  # so that a busy machine sees some of it
    page.set_input_files("#file", moving["clip"])
    state(page, "frozen")
    with page.expect_download() as download:
        page.keyboard.press("j")
    download.value.save_as(tmp_path / "saved.json")
    records = pp.read_records(tmp_path / "saved.json")
    assert download.value.suggested_filename == "clip-body.json"
    assert len(records) >= 2
    assert {tuple(ids_of(record)) for record in records} == {(1,)}
    seconds = [record.seconds for record in records if record.seconds is not None]
    assert seconds == sorted(seconds) and seconds[0] >= 0 and seconds[-1] <= 1.1


def test_another_model_looks_at_the_frozen_picture(open_page, world):
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    page.keyboard.press("f")
    state(page, "frozen")
    page.wait_for_timeout(400)
    count = len(world.came)
    world.people = lambda n, width, height: [kite(100, 100), kite(200, 100, id=2)]
    page.select_option("#model", "kite-l")
    page.wait_for_selector('#canvas[data-drawn="2"]')
    assert page.inner_text("#status") == "Frozen"
    assert len(world.came) == count + 1


def test_what_is_saved_is_in_pixels_of_the_video_whatever_was_sent(open_page, world, tmp_path, moving):
    world.people = lambda n, width, height: [kite(79.5, 59.5)]  # the middle of a frame of 160 x 120
    page = open_page(before="localStorage.setItem('pinpoint.settings', JSON.stringify({ size: 160 }))")
    page.set_input_files("#file", moving["clip"])
    page.wait_for_selector("#save-json:enabled")
    with page.expect_download() as download:
        page.click("#save-json")
    download.value.save_as(tmp_path / "saved.json")
    record = pp.read_records(tmp_path / "saved.json")[0]
    assert world.came[0]["size"] == (160, 120)
    assert record.size == (320, 240)
    np.testing.assert_allclose(record.keypoints.xy[0, 0], [159.5, 119.5])


def test_a_video_is_recorded_from_its_start_to_its_end_with_the_overlay(open_page, world, tmp_path, moving):
    world.people = lambda n, width, height: [kite(width / 2, height / 2, side=60)]
    page = open_page()
    page.set_input_files("#file", moving["clip"])
    page.wait_for_function(FIRST)
    with page.expect_download() as download:
        page.click("#save-drawn")
    name = download.value.suggested_filename
    download.value.save_as(tmp_path / name)
    with av.open(tmp_path / name) as video:
        frames = [
            (frame.time, frame.to_ndarray(format="rgb24")) for frame in cast(Any, video).decode(video=0)
        ]
    assert frames[-1][0] > 0.8
    assert frames[0][1].shape == (240, 320, 3)
    red, _, blue = frames[len(frames) // 2][1][150, 190].astype(int)  # half-way from the tip to its left end
    assert blue > red + 30  # without it, there is the orange of a suit


def test_a_picture_is_saved_in_its_own_size(open_page, world, tmp_path, grey):
    page = open_page()
    page.set_input_files("#file", grey)
    state(page, "found")
    with page.expect_download() as download:
        page.click("#save-drawn")
    download.value.save_as(tmp_path / "saved.png")
    image = pp.read_image(tmp_path / "saved.png")
    assert image.shape == (300, 400, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10


def test_another_task_is_asked_for_at_once(open_page, world):
    page = open_page("?source=camera&task=hand")
    page.wait_for_function(FIRST)
    assert page.locator("#task-hand").is_checked()
    with page.expect_websocket() as opened:
        page.keyboard.press("2")
    assert "task=face" in opened.value.url
    state(page, "live")


def test_a_dropped_file_is_opened(open_page, grey):
    page = open_page()
    page.evaluate("""() => {
        const canvas = new OffscreenCanvas(40, 30);
        canvas.getContext("2d");
        return canvas.convertToBlob().then((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent("drop", how));
        });
    }""")
    state(page, "found")
    assert page.get_attribute("#canvas", "aria-label") == "dropped.png with overlay"
