"""Two ways to follow people through the same video, in turns of a few frames, so that load falls on both."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from metrics import Float
from pinpoint.pipelines.following import Follower
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.watcher import Watcher
from scenes import Clip

TURN, ROUNDS = 10, 3

Seer = Callable[[int, int], tuple[list[float], list[Float]]]
"""Sees so many frames from one on: the seconds, and the points (N, K, 2), of each. Frame 0 begins anew."""


@dataclass(eq=False)
class Run:
    """What one of them did with one video.

    Args:
        seconds: Of each frame, the shortest of several rounds, shape (T,).
        points: What was found in each frame, shape (N, K, 2) each.
    """

    seconds: Float
    points: list[Float] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds for all frames but the first, in which much is set up."""
        return float(self.seconds[1:].sum())

    @property
    def fps(self) -> float:
        """Frames per second, the first one left out."""
        return (len(self.seconds) - 1) / self.spent


def watching(follower: Follower, clip: Clip) -> Seer:
    """Follow people through a video as Pinpoint does."""
    watchers: list[Watcher] = []

    def see(first: int, count: int) -> tuple[list[float], list[Float]]:
        if first == 0:
            watchers[:] = [Watcher(follower, pauses=Pauses())]
        seconds, found = [], []
        for moment in clip.moments[first : first + count]:
            start = time.perf_counter()
            kps = watchers[0](moment.frame)
            seconds.append(time.perf_counter() - start)
            found.append(kps.xy)
        return seconds, found

    return see


def in_turns(seers: Mapping[str, Seer], length: int) -> dict[str, Run]:
    """Let all of them see the same frames, three times; of the times of a frame the shortest counts."""
    runs = {name: Run(np.full(length, np.inf)) for name in seers}
    for _ in range(ROUNDS):
        for run in runs.values():
            run.points.clear()
        for first in range(0, length, TURN):
            for name, see in seers.items():
                seconds, points = see(first, TURN)
                part = runs[name].seconds[first : first + TURN]
                np.minimum(part, seconds, out=part)
                runs[name].points += points
    return runs
