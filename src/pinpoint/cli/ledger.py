"""What becomes of sources that are followed at the same time, told by one thread at a time."""

from dataclasses import dataclass, field
from threading import Lock

from pinpoint.cli.outputs import Outputs
from pinpoint.cli.progress import Watch
from pinpoint.cli.report import Tally
from pinpoint.io.records import Record

__all__ = ["Ledger"]


@dataclass(frozen=True)
class Ledger:
    """Takes what the threads of a run tell. Sources are known by their names.

    Args:
        outputs: Where records go.
        tally: Counts.
        watch: Is told how far it is.
    """

    outputs: Outputs
    tally: Tally
    watch: Watch
    _lock: Lock = field(default_factory=Lock)

    def begin(self, name: str, count: int | None) -> None:
        """A source gave its first frame. One that says how many there are is shown alone."""
        if count is not None:
            with self._lock:
                self.watch.begin(name, count)

    def write(self, record: Record) -> None:
        """Write down a frame, and count it. Raises what `Outputs.write` raises."""
        with self._lock:
            self.outputs.write(record)
            self.tally.followed(record.image, record.keypoints.track_ids)
            self.watch.step()

    def dropped(self, name: str, count: int) -> None:
        """So many frames of a source were dropped in the end."""
        with self._lock:
            self.tally.of(name).dropped += count

    def fail(self, name: str, error: Exception) -> None:
        """A source could not be read, or its drawing not be written."""
        with self._lock:
            self.tally.fail(name, error)

    def end(self) -> None:
        """A source has ended."""
        with self._lock:
            self.watch.end()
