"""The page can be used by keyboard, by ear, in dark and light, and on a phone."""

import numpy as np
import pytest

import pinpoint as pp

FIRST = "performance.getEntriesByName('first-overlay').length > 0"
NOTHING_OPENS = """
    navigator.mediaDevices.getUserMedia = () => new Promise(() => {});
    HTMLInputElement.prototype.click = () => {};
"""
REFUSED = (
    "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
)
SIZES = {"desk": (1440, 900), "tablet": (820, 1180), "phone": (360, 780)}

NAMELESS = """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, dialog, [role]")]
    .filter((one) => one.checkVisibility())
    .filter((one) => {
        const ids = (one.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
        const named = ids.map((id) => document.getElementById(id)?.textContent ?? "").join("");
        const labels = [...(one.labels ?? [])].map((label) => label.textContent).join("");
        const own = one.matches("button, [role=status], [role=alert]") ? one.textContent : "";
        return !`${one.getAttribute("aria-label") ?? ""}${named}${labels}${own}`.trim();
    })
    .map((one) => one.outerHTML.slice(0, 80))"""

# WCAG's contrast of every visible text with the colours below it, blended from the outermost on.
FAINT = """() => {
    const parsed = (text) => {
        const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
        const scale = text.startsWith("color(") ? 255 : 1;
        return [r * scale, g * scale, b * scale, a];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
    const light = (color) => {
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = color.map((value) => linear(value / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (one) => {
        const below = one.parentElement ? ground(one.parentElement) : [255, 255, 255];
        return over(parsed(getComputedStyle(one).backgroundColor), below);
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const one = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim()) continue;
        if (!one.checkVisibility({ visibilityProperty: true })) continue;
        if (one.matches("script, style, option, .hidden")) continue;
        const below = ground(one);
        const [a, b] = [light(over(parsed(getComputedStyle(one).color), below)), light(below)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.push(`${one.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
    }
    return faint;
}"""

REACHABLE = """() => [...document.querySelectorAll("button, input, select")]
    .filter((one) => one.checkVisibility() && !one.disabled && !one.closest("dialog"))
    .filter((one) => one.type !== "radio" || one.checked)
    .map((one) => one.id)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_control_has_a_name_every_text_is_legible_and_nothing_sticks_out(scheme, size, open_page):
    width, height = SIZES[size]
    page = open_page("?source=camera", viewport={"width": width, "height": height}, color_scheme=scheme)
    assert page.title() == "Pinpoint"
    assert page.get_attribute("html", "lang") == "en"
    assert page.locator("h1").count() == 1
    page.wait_for_function(FIRST)
    for prepare in (
        "1 + 1",
        "document.querySelector('#stop').click()",
        "document.querySelector('#help').click()",
    ):
        page.evaluate(prepare)
        page.wait_for_timeout(50)
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(FAINT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# Whether the numbers stand beside the buttons, with as many digits as they get.
BESIDE = """() => {
    document.querySelector("#latency").textContent = document.querySelector("#dropped").textContent = "2423";
    const middle = (id) => {
        const { top, bottom } = document.querySelector(id).getBoundingClientRect();
        return (top + bottom) / 2;
    };
    return Math.abs(middle(".meters") - middle("#save-csv")) < 10;
}"""


@pytest.mark.parametrize("shown", ["camera", "recording", "video", "picture"])
def test_numbers_stand_beside_the_buttons(shown, open_page, moving, tmp_path):
    page = open_page("?source=camera" if shown in ("camera", "recording") else "")
    if shown == "video":
        page.set_input_files("#file", moving["clip"])
    if shown == "picture":
        pp.write_image(tmp_path / "grey.png", np.full((30, 40, 3), 90, np.uint8))
        page.set_input_files("#file", tmp_path / "grey.png")
    page.wait_for_function(FIRST)
    if shown == "recording":
        page.keyboard.press("r")
        page.wait_for_selector("#recording")
    assert page.evaluate(BESIDE)


# Words that are wider than what they stand in, and pictures too small to be seen.
CRAMPED = """() => {
    const bar = document.querySelector("#tasks").getBoundingClientRect();
    const figure = document.querySelector(".figure").getBoundingClientRect();
    const cramped = [...document.querySelectorAll("#tasks span, #status-words, button")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1);
    const outside = [...document.querySelectorAll("#tasks span")]
        .filter((one) => one.getBoundingClientRect().right > bar.right);
    const names = [...cramped, ...outside].map((one) => one.textContent.trim());
    return figure.height > 0 && figure.height < 60 ? [...names, "figure"] : names;
}"""


@pytest.mark.parametrize("size", [(320, 640), (640, 400), (844, 390), (390, 844), (1280, 800)])
def test_words_and_pictures_have_room(size, open_page):
    page = open_page(viewport={"width": size[0], "height": size[1]})
    page.wait_for_selector("#tasks input")
    assert page.evaluate(CRAMPED) == []


def test_buttons_that_save_stand_in_one_line_on_narrow_phones(open_page):
    page = open_page(viewport={"width": 320, "height": 640})
    tops = page.evaluate("[...document.querySelectorAll('.saving button')].map((one) => one.offsetTop)")
    assert len(set(tops)) == 1


INSIDE = """() => {
    const stage = document.querySelector("#stage").getBoundingClientRect();
    const parts = [...document.querySelectorAll("#problem > *")].filter((one) => one.checkVisibility());
    const outside = parts.filter((one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return top < stage.top + 4 || bottom > stage.bottom - 4;
    });
    return outside.map((one) => one.id || one.className);
}"""


@pytest.mark.parametrize("size", [(320, 568), (390, 844), (568, 320), (640, 400), (844, 390), (820, 1180)])
def test_long_messages_are_whole_on_small_screens(size, open_page, server):
    """The longest is that of a page from an insecure address."""
    address = f"http://pinpoint.test:{server.port}/"
    page = open_page(address=address, viewport={"width": size[0], "height": size[1]})
    page.click("#empty-camera")
    page.wait_for_selector("#problem")
    assert page.evaluate(INSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_who_starts_something_below_the_picture_sees_what_comes_of_it(open_page):
    page = open_page(before=REFUSED, viewport={"width": 390, "height": 500})
    page.wait_for_selector("#tasks input")
    page.evaluate("scrollTo(0, 600)")
    page.evaluate("document.querySelector('#start-camera').click()")
    page.wait_for_selector("#problem")
    assert page.evaluate("document.querySelector('#problem-title').getBoundingClientRect().top") >= 0


def test_the_list_of_keys_opens_at_its_beginning(open_page):
    page = open_page(viewport={"width": 640, "height": 400})
    page.keyboard.press("?")
    assert page.locator("#help-title").is_visible()
    assert page.evaluate("document.querySelector('#help-dialog').scrollTop") == 0


def test_head_and_picture_begin_in_one_line_on_wide_screens(open_page):
    page = open_page(viewport={"width": 1920, "height": 1080})
    left = "(id) => document.querySelector(id).getBoundingClientRect().left"
    assert page.evaluate(left, "h1") == page.evaluate(left, "#stage") == 104


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_messages_are_legible_over_a_picture_and_without(scheme, open_page):
    page = open_page(before=REFUSED, color_scheme=scheme)
    page.click("#empty-camera")
    page.wait_for_selector("#problem")
    assert page.evaluate(FAINT) == []
    page.evaluate("document.querySelector('#stage').dataset.source = 'camera'")
    assert page.evaluate(FAINT) == []
    page.evaluate("document.querySelector('#token-dialog').showModal()")
    assert page.evaluate(FAINT) == [] and page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_tab_reaches_every_control_and_shows_where_it_is(size, open_page, moving):
    width, height = SIZES[size]
    page = open_page(viewport={"width": width, "height": height})
    page.set_input_files("#file", moving["clip"])
    page.wait_for_function("document.body.dataset.state === 'frozen'")
    page.wait_for_selector("#save-json:enabled")
    wanted = page.evaluate(REACHABLE)
    reached = []
    for _ in range(len(wanted) + 2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        if reached[-1] in wanted and not reached[-1].startswith("task-"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[
                -1
            ]
    assert len(wanted) >= 18
    assert set(wanted) <= set(reached)


def test_arrows_choose_a_task(open_page):
    page = open_page()
    page.focus("#tasks input:checked")
    page.keyboard.press("ArrowRight")
    assert page.locator("#task-face").is_checked()
    assert page.inner_text("#model-about") == "kite, Apache-2.0"


def test_a_question_mark_lists_the_keys_and_escape_closes_the_list(open_page):
    page = open_page()
    page.keyboard.press("?")
    assert page.locator("#help-dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help-dialog").is_visible()


def test_keys_that_are_listed_are_the_keys_that_work(open_page):
    """Every key of the list is one that the page takes for itself."""
    page = open_page(before=NOTHING_OPENS)
    page.wait_for_selector("#tasks input")
    keys = page.evaluate("[...document.querySelectorAll('.keys kbd')].map((one) => one.textContent)")
    taken = page.evaluate(
        """(keys) => keys.filter((key) => {
            document.querySelectorAll("dialog").forEach((one) => one.close());
            const how = { key: key === "Space" ? " " : key.toLowerCase(), bubbles: true, cancelable: true };
            return !document.body.dispatchEvent(new KeyboardEvent("keydown", how));
        })""",
        keys,
    )
    assert len(keys) >= 18
    assert taken == keys


def test_keys_are_not_taken_from_who_writes(open_page):
    page = open_page()
    page.evaluate("document.querySelector('#token-dialog').showModal()")
    page.focus("#token")
    page.keyboard.type("bid?")
    assert page.input_value("#token") == "bid?"
    assert not page.locator("#beside").is_checked()


def test_the_switch_between_dark_and_light_is_kept(open_page):
    page = open_page(color_scheme="light")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.get_attribute("#theme", "aria-label") == "Use light colours"


def test_nothing_moves_by_itself_for_who_asked_for_that(open_page):
    page = open_page("?source=camera", reduced_motion="reduce")
    page.wait_for_function(FIRST)
    assert page.evaluate("document.getAnimations().length") == 0


def test_changes_of_state_are_announced(open_page):
    page = open_page("?source=camera")
    page.wait_for_function(FIRST)
    assert page.get_attribute("#status", "aria-live") == "polite"
    page.keyboard.press("f")
    page.wait_for_function("document.querySelector('#status').textContent === 'Frozen'")
