"""What a run leaves for people to look at: tables, curves and pictures."""

import csv
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from pinpoint.geometry import Image
from pinpoint.io.images import write_image
from pinpoint.training.loop import Reporter

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["CsvLog", "PictureLog", "TensorBoardLog", "side_by_side"]

GAP = 4  # pixels between pictures


class CsvLog(Reporter):
    """Writes `log.csv` with a row per step and `measures.csv` with one per measurement, each row at once.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._steps, self._measures = folder / "log.csv", folder / "measures.csv"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row to `log.csv`."""
        _add_row(self._steps, step, values)

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """Add a row to `measures.csv`."""
        _add_row(self._measures, step, measures)

    def rewind(self, step: int) -> None:
        """Cut the rows of later steps, and whatever a run that was killed left half written."""
        for path in (self._steps, self._measures):
            if path.exists():
                _cut_rows(path, step)


def _add_row(path: Path, step: int, values: Mapping[str, float]) -> None:
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["step", *values])
        writer.writerow([step, *map(float, values.values())])


def _cut_rows(path: Path, step: int) -> None:
    header, *rows = path.read_text("utf-8").splitlines(keepends=True) or [""]
    kept = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= step]
    if not kept:  # the next row brings its header
        path.unlink()
        return
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join([header, *kept]), "utf-8")
    part.replace(path)


class PictureLog(Reporter):
    """Writes what the network says of the same validation samples after each measurement.

    Args:
        folder: Of the run; the pictures go into `pictures` in it, as `step-000500.jpg`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "pictures"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """Write one picture with all of them side by side."""
        if len(pictures):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_image(self._folder / f"step-{step:06}.jpg", side_by_side(pictures))

    def rewind(self, step: int) -> None:
        """Delete the pictures of later steps."""
        for path in self._folder.glob("step-*.jpg"):
            number = re.fullmatch(r"step-(\d+)", path.stem)
            if number and int(number[1]) > step:
                path.unlink()


def side_by_side(pictures: Sequence[Image]) -> Image:
    """Put pictures next to each other on black, shapes (h, w, 3) each -> (H, W, 3)."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(one, ((0, height - one.shape[0]), (0, GAP), (0, 0))) for one in pictures]
    return np.concatenate(padded, axis=1)[:, :-GAP]


class TensorBoardLog(Reporter):
    """Writes everything for TensorBoard, which `tensorboard --logdir` shows.

    TensorBoard is imported with the first value. Close it, or use it in a `with` statement.

    Args:
        folder: Of the run; the files go into `tensorboard` in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writer: SummaryWriter | None = None
        self._purge: int | None = None

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step."""
        for name, value in values.items():
            self._written.add_scalar(f"train/{name}", value, step)

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """Write measures and pictures."""
        for name, value in measures.items():
            self._written.add_scalar(f"val/{_plain(name)}", value, step)
        if len(pictures):
            self._written.add_image("val/pictures", side_by_side(pictures), step, dataformats="HWC")
        self._written.flush()

    def rewind(self, step: int) -> None:
        """Have TensorBoard forget what was written of later steps."""
        self.close()
        self._purge = step + 1

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _written(self) -> "SummaryWriter":
        if self._writer is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorBoard's own imports
                from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._folder, purge_step=self._purge)
        return self._writer


def _plain(name: str) -> str:
    """TensorBoard takes letters, digits and a few signs: `PCK@.1` is `PCK_.1`."""
    return re.sub(r"[^\w./-]", "_", name)
