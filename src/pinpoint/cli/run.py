"""The run loop: look at every source, write down and draw what is found, go on after a failure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pinpoint.cli.frames import NO_LIMITS, USUAL_FOLLOWING, Following, Limits, View, is_picture, opened
from pinpoint.cli.given_boxes import GivenBoxes
from pinpoint.cli.outputs import Outputs
from pinpoint.cli.progress import Watch
from pinpoint.cli.report import Tally
from pinpoint.cli.stopping import Stop
from pinpoint.io.errors import UnreadableError
from pinpoint.io.records import Record
from pinpoint.io.sources import Source, name_of
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.following import follower_of
from pinpoint.skeletons import Skeleton

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

    def __call__(self, sources: Sequence[Source], tally: Tally, watch: Watch, stop: Stop) -> None:
        """Go through the sources until they end or a stop is asked for.

        A source that cannot be read, or whose drawing cannot be written, is counted as failed; what was found
        in it up to there is kept.
        """
        for source in sources:
            if stop:
                return
            try:
                look = self._look_at if self.boxes is not None or is_picture(source) else self._follow
                look(source, tally, watch, stop)
            except BrokenPipeError:
                raise
            except (UnreadableError, OSError) as error:
                tally.fail(name_of(source), error)
            except Exception as error:  # a bug: whoever reports it needs to know where it happened
                error.add_note(f"while looking at {name_of(source)!r}")
                raise
            finally:
                watch.end()

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
        """Go through a video, a camera or a stream; people keep their ids from frame to frame."""
        from pinpoint.cli.moving import followed

        name = name_of(source)
        follower = follower_of(self.estimate, self.columns)
        with (
            followed(
                source, follower, self.following, limits=self.limits, min_score=self.min_score, stop=stop
            ) as moving,
            self.outputs.sketching(source, moving.media, trails=self.following.trails) as sketch,
        ):
            watch.begin(name, moving.media.count)
            try:
                for view, kps in moving.results:
                    self.outputs.write(_record(name, view, kps))
                    sketch(view, kps)
                    tally.followed(name, kps.track_ids)
                    watch.step()
            finally:
                tally.dropped += moving.counts.dropped

    def _found(self, name: str, view: View, tally: Tally) -> Keypoints:
        if self.boxes is None:
            return self.estimate(view.image).above(self.min_score)
        boxes = self.boxes.of(name, view, tally.complain)
        return self.estimate(view.image, boxes).above(self.min_score)


def _record(name: str, view: View, kps: Keypoints) -> Record:
    height, width = view.image.shape[:2]
    return Record(kps, name, (width, height), view.index, view.seconds)
