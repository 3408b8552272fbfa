"""Results as a folder of Parquet files, each of which is whole (extra `data`)."""

import os
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock, Timer

from pinpoint.io.parquet import ParquetWriter
from pinpoint.stream.seen import Seen, to_record
from pinpoint.stream.sinks.sink import needed

__all__ = ["ParquetSink"]

_PARTS = count(1)  # within this process, so that no two sinks of it meet


@dataclass
class _Part:
    writer: ParquetWriter
    timer: Timer
    rows: int = 0


class ParquetSink:
    """Writes Parquet files of limited length into a folder: `part-20261121T093000Z-4711-000001.parquet`, ...

    Each is written under a hidden name and given its own once it is whole, so a killed run loses only the
    last one. Read the folder as a whole, or its parts with `pinpoint.io.parquet.read_parquet`. `image` is the
    name of the stream; the names of the parts sort by time.

    Args:
        folder: Where; it is made if it does not exist.
        rows: Rows in a part, one for each instance; a frame is not torn apart.
        seconds: After this time a part is finished even if it has fewer rows, also when no more frames come.

    Raises:
        ModuleNotFoundError: The extra `data` is not installed.
        ValueError: A limit is not positive.
        OSError: The folder cannot be made.
    """

    def __init__(self, folder: str | Path, *, rows: int = 100_000, seconds: float = 60.0) -> None:
        if rows < 1 or not seconds > 0:
            raise ValueError(f"a part is limited to {rows} rows and {seconds} s, expected at least 1 and > 0")
        needed("pyarrow.parquet", "data")  # now, rather than at the first frame
        self._folder, self._rows, self._seconds = Path(folder), rows, seconds
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._part: _Part | None = None
        self._late: OSError | None = None

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        with self._lock:
            self._complain()
            part = self._part = self._part or self._begun()
            part.writer.write(to_record(seen))
            part.rows += max(len(seen.keypoints), 1)
            if part.rows >= self._rows:
                self._finish()

    def close(self) -> None:
        """See `Sink`."""
        with self._lock:
            self._finish()
            self._complain()

    def _begun(self) -> _Part:
        began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = self._folder / f"part-{began}-{os.getpid()}-{next(_PARTS):06d}.parquet"
        part = _Part(ParquetWriter(path), Timer(self._seconds, self._time_is_up))
        part.timer.args = [part]
        part.timer.daemon = True
        part.timer.start()
        return part

    def _finish(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.timer.cancel()
            part.writer.close()

    def _time_is_up(self, part: _Part) -> None:
        with self._lock:
            try:
                if part is self._part:
                    self._finish()
            except OSError as error:
                self._late = error

    def _complain(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            raise late
