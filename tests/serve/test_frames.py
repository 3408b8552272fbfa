import numpy as np

from pinpoint.serve.frames import Arrived, UnderWay, Words


def test_only_frames_that_the_engine_still_has_are_noted():
    notes, images = UnderWay(), {}
    for index in range(50):
        images[index] = np.zeros((2, 2, 3), np.uint8)
        notes.put(Arrived(index, b"", Words(id=10 * index), 0.5), images[index])
        images = {at: image for at, image in images.items() if at in (3, index)}
    assert len(notes) <= 3
    assert [notes.take(index) for index in (3, 49)] == [(Words(id=30), 0.5), (Words(id=490), 0.5)]
