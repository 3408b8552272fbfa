from pathlib import Path

import pytest

from pinpoint.serve.settings import TOKEN, Limits, Settings


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", Limits.__dataclass_fields__)
def test_a_limit_is_a_number_above_0(name, value):
    with pytest.raises(ValueError, match=f"limit {name} is {value}"):
        Limits(**{name: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"token": "short"}, "at least 8 letters"),
        ({"token": "with a space in it"}, "at least 8 letters"),
        ({"origins": ("example.org",)}, "origin is 'example.org'"),
        ({"origins": ("https://example.org/path",)}, "expected one such as"),
        ({"workers": 0}, "workers is 0"),
        ({"threads": -1}, "threads is -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Settings(**given)


def test_a_token_is_not_shown():
    assert "battery" not in repr(Settings(token="correct-horse-battery"))


@pytest.mark.parametrize("page", ["serve.md", "web-page.md"])
def test_the_documentation_says_how_long_a_token_is_and_how_to_hide_it(page):
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    least = next(n for n in range(1, 100) if TOKEN.fullmatch("a" * n))
    assert f"at least {least} characters" in text
    assert "PINPOINT_TOKEN=$(openssl rand" in text and "`ps`" in text
    assert "pinpoint serve --host 0.0.0.0 --token" not in text


def test_workers_share_the_cores(monkeypatch):
    monkeypatch.setattr("pinpoint.serve.settings.usable_cores", lambda: 8)
    shares = [Settings(workers=n).network_threads for n in (1, 2, 3, 16)]
    assert shares == [0, 4, 2, 1]
    assert Settings(workers=4, threads=3).network_threads == 3
