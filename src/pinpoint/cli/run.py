"""The run loop: look at every source, write down and draw what is found, go on after a failure."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from pinpoint.cli.frames import (
    NO_LIMITS,
    USUAL_FOLLOWING,
    Following,
    Limits,
    View,
    is_live,
    is_picture,
    opened,
)
from pinpoint.cli.given_boxes import GivenBoxes
from pinpoint.cli.ledger import Ledger
from pinpoint.cli.outputs import Outputs, UnwritableError
from pinpoint.cli.progress import Watch
from pinpoint.cli.report import Tally
from pinpoint.cli.stopping import Stop
from pinpoint.io.errors import UnreadableError
from pinpoint.io.records import Record
from pinpoint.io.sources import Source, name_of
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.following import follower_of
from pinpoint.skeletons import Skeleton

if TYPE_CHECKING:
    from pinpoint.stream import Engine

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """Everything that a run needs.

    Args:
        estimate: Finds keypoints.
        columns: What it tells.
        outputs: Where they go.
        following: How people are followed in what moves; not those in given boxes, which nobody has to find.
        limits: Where to stop in a video.
        boxes: Boxes to look at instead of those that a detector finds.
        min_score: Instances that score below are left out.
    """

    estimate: Estimator
    columns: Skeleton
    outputs: Outputs
    following: Following = USUAL_FOLLOWING
    limits: Limits = NO_LIMITS
    boxes: GivenBoxes | None = None
    min_score: float = 0.0

    def __call__(self, sources: Sequence[Source], tally: Tally, watch: Watch, stop: Stop) -> bool:
        """Go through the sources until they end or a stop is asked for.

        Files are done one after another, then cameras and streams all at the same time, for those do not end.
        A source that cannot be read, or whose drawing cannot be written, is counted as failed; what was found
        in it up to there is kept.

        Returns:
            Whether every file was gone through to its end.
        """
        endless = [source for source in sources if is_live(source) and self.boxes is None]
        for source in (source for source in sources if source not in endless):
            if stop:
                return False
            with _told(name_of(source), tally.fail, watch.end):
                look = self._look_at if self.boxes is not None or is_picture(source) else self._follow
                look(source, tally, watch, stop)
        if stop:
            return False
        if endless:
            self._follow_all(endless, tally, watch, stop)
        return True

    def _look_at(self, source: Source, tally: Tally, watch: Watch, stop: Stop) -> None:
        name = name_of(source)
        with opened(source, self.limits) as media, self.outputs.sketching(source, media) as sketch:
            watch.begin(name, media.count)
            for view in media.views:
                kps = self._found(name, view, tally)
                self.outputs.write(_record(name, view, kps))
                sketch(view, kps)
                tally.done(len(kps), moving=view.seconds is not None)
                watch.step()
                if stop:
                    return

    def _follow(self, source: Source, tally: Tally, watch: Watch, stop: Stop) -> None:
        """Go through a video; people keep their ids from frame to frame."""
        from pinpoint.cli.moving import all_at_once

        watch.begin(name_of(source), None)
        with self._engine() as engine:
            ledger = Ledger(self.outputs, tally, watch)
            all_at_once(partial(self._follow_one, engine, ledger), [source], stop)

    def _follow_all(self, sources: Sequence[Source], tally: Tally, watch: Watch, stop: Stop) -> None:
        """Go through cameras and streams at the same time; one that fails takes no other with it."""
        from pinpoint.cli.moving import all_at_once

        ledger = Ledger(self.outputs, tally, watch)
        others = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        watch.begin(name_of(sources[0]) + others, None)
        with self._engine() as engine:

            def follow(source: Source, over: Event) -> None:
                with _told(name_of(source), ledger.fail, ledger.end):
                    self._follow_one(engine, ledger, source, over)

            all_at_once(follow, sources, stop)

    def _follow_one(self, engine: "Engine", ledger: Ledger, source: Source, over: Event) -> None:
        from pinpoint.cli.moving import followed

        name = name_of(source)
        with (
            followed(source, engine, self.limits, over) as moving,
            self.outputs.sketching(source, moving.media, trails=self.following.trails) as sketch,
        ):
            ledger.begin(name, moving.media.count)
            try:
                for view, kps in moving.results:
                    ledger.write(_record(name, view, kps))
                    sketch(view, kps)
            finally:
                ledger.dropped(name, moving.counts.dropped)

    def _engine(self) -> "Engine":
        from pinpoint.cli.moving import usual_engine

        return usual_engine(follower_of(self.estimate, self.columns), self.following, self.min_score)

    def _found(self, name: str, view: View, tally: Tally) -> Keypoints:
        if self.boxes is None:
            return self.estimate(view.image).above(self.min_score)
        boxes = self.boxes.of(name, view, tally.complain)
        return self.estimate(view.image, boxes).above(self.min_score)


@contextmanager
def _told(name: str, fail: Callable[[str, Exception], None], end: Callable[[], None]) -> Iterator[None]:
    """Tell what goes wrong with a source and go on; what is no fault of its own comes through."""
    try:
        yield
    except (BrokenPipeError, UnwritableError):
        raise
    except (UnreadableError, OSError) as error:
        fail(name, error)
    except Exception as error:  # a bug: whoever reports it needs to know where it happened
        error.add_note(f"while looking at {name!r}")
        raise
    finally:
        end()


def _record(name: str, view: View, kps: Keypoints) -> Record:
    height, width = view.image.shape[:2]
    return Record(kps, name, (width, height), view.index, view.seconds)
