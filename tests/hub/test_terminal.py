import pytest

from pinpoint.hub import pull, terminal

BODY = bytes(range(256)) * 40


class Recorder:
    """Takes the place of rich's bar."""

    def __init__(self):
        self.told = []

    def add_task(self, what):
        self.told.append(what)
        return what

    def update(self, task, *, completed, total):
        self.told.append((completed, total))

    def stop(self):
        self.told.append("stopped")


@pytest.fixture
def shown(monkeypatch):
    """What a bar is told that somebody watches."""
    recorder = Recorder()
    monkeypatch.setattr(terminal, "on_a_terminal", lambda: True)
    monkeypatch.setattr(terminal, "_rich_bar", lambda: recorder)
    return recorder.told


def test_a_pull_shows_a_bar_to_whoever_watches(web, shown):
    web.files["toy.onnx"] = BODY
    pull(web.spec())
    assert (shown[0], shown[-2:]) == ("toy.onnx", [(len(BODY), len(BODY)), "stopped"])


def test_a_file_that_is_there_shows_none(web, shown):
    web.files["toy.onnx"] = BODY
    pull(web.spec())
    shown.clear()
    pull(web.spec())
    assert shown == []


def test_progress_of_ones_own_takes_the_place_of_the_bar(web, shown):
    web.files["toy.onnx"] = BODY
    pull(web.spec(), lambda *step: None)
    assert shown == []


def test_nobody_watches_continuous_integration_or_a_file(web, capfd):
    web.files["toy.onnx"] = BODY
    pull(web.spec())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("terminal_there", "ci", "term", "watched"),
    [
        (True, "", "xterm", True),
        (True, "true", "xterm", False),
        (True, "", "dumb", False),
        (False, "", "", False),
    ],
)
def test_who_watches(terminal_there, ci, term, watched, monkeypatch):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal_there)
    assert terminal.on_a_terminal() == watched
