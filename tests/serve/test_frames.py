import asyncio
from types import SimpleNamespace

import pytest

from pinpoint.serve.frames import Arrived, Newest, UnderWay, Words
from serve.served import awaited


def _arrived(index: int) -> Arrived:
    return Arrived(index, b"data", Words(id=10 * index), 0.5)


def test_what_was_said_of_a_frame_is_told_with_its_answer_and_its_data_is_not_kept():
    frames = UnderWay(lambda: False)
    for index in (3, 7):
        frames.put(_arrived(index))
    told = [frames.take(index) for index in (3, 7)]
    assert [(each.words.id, each.at, each.data) for each in told] == [(30, 0.5, b""), (70, 0.5, b"")]


def test_frames_before_the_one_answered_are_forgotten():
    frames = UnderWay(lambda: False)
    for index in range(50):
        frames.put(_arrived(index))
    frames.take(40)
    assert len(frames) == 9


async def _wanted(frames: UnderWay, early: float) -> bool:
    """Whether a frame is wanted now."""
    task = asyncio.create_task(frames.nearly_done(early))
    done, _ = await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    return bool(done)


@pytest.mark.parametrize("waits", [False, True])
def test_a_frame_is_wanted_shortly_before_the_one_at_work_is_done(waits, monkeypatch):
    """The first one took 100 s; a frame takes 5 s to decode, so the next but one is wanted after 95 s."""
    clock = [0.0]
    monkeypatch.setattr("pinpoint.serve.frames.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def asked() -> list[bool]:
        frames, wanted = UnderWay(lambda: waits), []
        for index, seconds in ((0, 0.0), (0, 99.0), (1, 100.0), (1, 194.0), (1, 196.0)):
            clock[0] = seconds
            if seconds in (0.0, 100.0):
                wanted.append(await _wanted(frames, 5.0))
                frames.put(_arrived(index))
            wanted.append(await _wanted(frames, 5.0))
            if seconds == 99.0:
                clock[0] = 100.0
                frames.take(0)
        return wanted

    assert awaited(asked()) == [True, False, False, True, False, False, not waits]


def test_what_comes_after_the_end_is_not_taken():
    async def taken() -> tuple[list[bytes | None], int]:
        newest = Newest()
        newest.put(b"before", Words())
        newest.end()
        newest.put(b"after", Words())
        frames = [await newest.get(), await newest.get()]
        return [frame and frame.data for frame in frames], newest.dropped

    assert awaited(taken()) == ([b"before", None], 0)
