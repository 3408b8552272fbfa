import numpy as np

from pinpoint.serve.frames import Arrived, Newest, UnderWay, Words
from serve.served import awaited


def test_only_frames_that_the_engine_still_has_are_noted():
    notes, images = UnderWay(), {}
    for index in range(50):
        images[index] = np.zeros((2, 2, 3), np.uint8)
        notes.put(Arrived(index, b"", Words(id=10 * index), 0.5), images[index])
        images = {at: image for at, image in images.items() if at in (3, index)}
    assert len(notes) <= 3
    assert [notes.take(index) for index in (3, 49)] == [(Words(id=30), 0.5), (Words(id=490), 0.5)]


def test_what_comes_after_the_end_is_not_taken():
    async def taken() -> tuple[list[bytes | None], int]:
        newest = Newest()
        newest.put(b"before", Words())
        newest.end()
        newest.put(b"after", Words())
        frames = [await newest.get(), await newest.get()]
        return [frame and frame.data for frame in frames], newest.dropped

    assert awaited(taken()) == ([b"before", None], 0)
