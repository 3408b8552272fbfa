import pytest

from pinpoint.cli import progress
from pinpoint.cli.progress import Bar


class Recorder:
    """Takes the place of rich's bar."""

    def __init__(self):
        self.updates = []

    def update(self, task, *, completed, description):
        self.updates.append((completed, description))

    def stop(self):
        self.updates.append("stopped")


@pytest.fixture
def shown(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_rich_bar", lambda sources: (recorder, 0))
    return recorder.updates


def test_the_bar_counts_sources_and_goes_on_within_a_video(shown):
    with Bar(3) as bar:
        for name, steps in (("a.jpg", 1), ("b.mp4", 4)):
            bar.begin(name, steps)
            for _ in range(steps):
                bar.step()
            bar.end()
    assert shown[0] == (1.0, "a.jpg")
    assert shown[1:5] == [(1 + part / 4, f"b.mp4, frame {part}/4") for part in (1, 2, 3, 4)]
    assert shown[-1] == "stopped"


def test_a_source_that_fails_before_it_begins_is_passed(shown):
    bar = Bar(2)
    bar.end()
    bar.begin("b.jpg", 1)
    bar.step()
    assert shown == [(2.0, "b.jpg")]


def test_no_bar_is_shown_for_what_does_not_take_long(shown, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 60.0)
    with Bar(1) as bar:
        bar.begin("a.jpg", 1)
        bar.step()
        bar.end()
    assert shown == []


def test_nobody_knows_how_long_a_camera_goes_on(shown):
    bar = Bar(1)
    bar.begin("camera 0", None)
    bar.step()
    assert shown == [(0.0, "camera 0, frame 1/?")]
