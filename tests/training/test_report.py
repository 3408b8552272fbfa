import math

import numpy as np
import pytest

from pinpoint.io.images import read_image
from pinpoint.training.report import CsvLog, PictureLog, TensorBoardLog, side_by_side


def tell(reporter, start, stop, every=5):
    """Tell of steps as a run does."""
    for step in range(start + 1, stop + 1):
        reporter.step(step, {"loss": math.exp(-step), "lr": 1e-3 / step, "gradient": step / 7})
        if step % every == 0:
            reporter.measured(step, {"AP": step / 30, "PCK@.1": 0.1}, [np.full((6, 4, 3), step, np.uint8)])


def texts(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("reporter", [CsvLog, PictureLog])
@pytest.mark.parametrize("back", [0, 4, 5, 12, -1], ids=lambda step: f"from {step}")
def test_a_run_that_goes_on_leaves_what_an_unbroken_one_does(reporter, back, tmp_path):
    tell(reporter(tmp_path / "whole"), 0, 20)
    tell(reporter(tmp_path / "broken"), 0, 13)
    again = reporter(tmp_path / "broken")
    again.rewind(back)
    tell(again, max(back, 0), 20)
    assert texts(tmp_path / "broken") == texts(tmp_path / "whole")
    assert texts(tmp_path / "whole")


def test_a_row_that_was_cut_by_a_kill_is_cut_off(tmp_path):
    log = CsvLog(tmp_path)
    tell(log, 0, 3)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,0.3")
    log.rewind(7)
    tell(log, 3, 4)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == "step,loss,lr,gradient"
    assert [row.partition(",")[0] for row in rows[1:]] == ["1", "2", "3", "4"]


def test_numbers_in_the_log_are_the_numbers_told(tmp_path):
    tell(CsvLog(tmp_path), 0, 1)
    row = (tmp_path / "log.csv").read_text().splitlines()[1]
    assert [float(part) for part in row.split(",")] == [1, math.exp(-1), 1e-3, 1 / 7]


def test_pictures_of_several_sizes_stand_side_by_side():
    first, second = np.full((4, 3, 3), 10, np.uint8), np.full((6, 5, 3), 200, np.uint8)
    strip = side_by_side([first, second])
    assert strip.shape == (6, 3 + 4 + 5, 3)
    np.testing.assert_array_equal(strip[:4, :3], first)
    np.testing.assert_array_equal(strip[:, 7:], second)
    assert not strip[:, 3:7].any()


def test_a_picture_is_named_after_its_step(tmp_path):
    PictureLog(tmp_path).measured(500, {}, [np.full((16, 16, 3), 90, np.uint8)])
    assert (
        abs(read_image(tmp_path / "pictures/step-000500.jpg").astype(int) - 90).max() < 4
    )  # JPEG's own error


def test_tensorboard_reads_what_is_written_and_forgets_what_was_rewound(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with TensorBoardLog(tmp_path) as log:
        tell(log, 0, 9)
        log.rewind(4)
        tell(log, 4, 6)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    assert {"val/AP", "val/PCK_.1"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["val/pictures"]


def test_a_log_for_tensorboard_that_is_told_nothing_writes_nothing(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.rewind(3)
    assert not list(tmp_path.iterdir())
