"""Two ways to follow people through the same video, in turns of a few frames, so that load falls on both."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from metrics import Float
from pinpoint.pipelines.following import Follower
from pinpoint.stream.watch import PAUSES
from pinpoint.stream.watcher import Watcher
from pinpoint.tracking.one_euro import OneEuro
from scenes import Clip

TURN, ROUNDS = 10, 3


class Turn(NamedTuple):
    """A few frames."""

    seconds: list[float]
    """Of each."""
    cpu: list[float]
    """Seconds of CPU for each, of all threads together."""
    points: list[Float]
    """What was found in each, shape (N, K, 2)."""


Seer = Callable[[int, int], Turn]
"""Sees so many frames from one on. Frame 0 begins anew."""


@dataclass(eq=False)
class Run:
    """What one of them did with one video.

    Args:
        seconds: Of each frame, the shortest of several rounds, shape (T,).
        cpu: Seconds of CPU for each frame, the least of several rounds, shape (T,).
        points: What was found in each frame, shape (N, K, 2) each.
    """

    seconds: Float
    cpu: Float
    points: list[Float] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds for all frames but the first, in which much is set up."""
        return float(self.seconds[1:].sum())

    @property
    def fps(self) -> float:
        """Frames per second, the first one left out."""
        return (len(self.seconds) - 1) / self.spent


def watcher_of(follower: Follower, *, smooth: bool = True) -> Watcher:
    """What `pinpoint.stream.watch` makes of a follower."""
    return Watcher(follower, smooth=OneEuro() if smooth else None, pauses=PAUSES)


def watching(follower: Follower, clip: Clip, *, smooth: bool) -> Seer:
    """Follow people through a video as Pinpoint does."""
    watchers: list[Watcher] = []

    def see(first: int, count: int) -> Turn:
        if first == 0:
            watchers[:] = [watcher_of(follower, smooth=smooth)]
        return following(watchers[0], clip, first, count)

    return see


def following(watcher: Watcher, clip: Clip, first: int, count: int) -> Turn:
    """Follow people through a few frames."""
    turn = Turn([], [], [])
    for moment in clip.moments[first : first + count]:
        start, cpu = time.perf_counter(), time.process_time()
        kps = watcher(moment.frame)
        turn.cpu.append(time.process_time() - cpu)
        turn.seconds.append(time.perf_counter() - start)
        turn.points.append(kps.xy)
    return turn


def in_turns(seers: Mapping[str, Seer], length: int) -> dict[str, Run]:
    """Let all of them see the same frames, three times; of the times of a frame the shortest counts."""
    runs = {name: Run(np.full(length, np.inf), np.full(length, np.inf)) for name in seers}
    for _ in range(ROUNDS):
        for run in runs.values():
            run.points.clear()
        for first in range(0, length, TURN):
            for name, see in seers.items():
                turn, run, frames = see(first, TURN), runs[name], slice(first, first + TURN)
                run.seconds[frames] = np.minimum(run.seconds[frames], turn.seconds)
                run.cpu[frames] = np.minimum(run.cpu[frames], turn.cpu)
                run.points += turn.points
    return runs
