"""Rendered worlds of walking stick people with known truth: what a camera sees, and what a detector says.

People have clothes of their own, walk at their own pace and hide each other; a keypoint is seen where the
pixel drawn there is its owner's. The detector is a model of real ones: exact to some hundredths of a person's
size, less sure of those who are half hidden, blind to those who are hidden, and of two that overlap almost
wholly it gives one. Somebody of whom less than two fifths is seen is not in the truth either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

import pinpoint as pp
from pinpoint.geometry import Float, Image, boxes_of_points, iou

SKELETON = pp.skeleton("coco17")
SIZE = (480, 320)
WALL = 255  # number of what hides people in the map of owners
COLOURS = np.array(
    [
        *([200, 40, 40], [40, 90, 200], [230, 200, 40], [40, 160, 70], [150, 60, 170]),
        *([240, 240, 240], [30, 30, 30], [240, 130, 30], [110, 200, 220], [130, 80, 40]),
    ]
)


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame: what is seen, who is there (with track ids), and what a detector says."""

    image: Image
    seconds: float
    truth: pp.Keypoints
    found: pp.Keypoints


@dataclass(frozen=True)
class Person:
    """Somebody who walks.

    Args:
        place: Where the feet are at a time: x, y in pixels of the ground, negative or beyond it too.
        height: In pixels.
        shirt: Colour.
        trousers: Colour.
        stride: Pixels that one full cycle of the legs takes.
        phase: Where in the cycle it begins, in radians.
    """

    place: Callable[[float], tuple[float, float]]
    height: float
    shirt: tuple[int, int, int]
    trousers: tuple[int, int, int]
    stride: float
    phase: float


@dataclass(frozen=True)
class Detector:
    """How good the detector is; lengths in shares of a person's size."""

    noise: float = 0.02
    missed: float = 0.01
    false: float = 0.02
    merges: float = 0.75


@dataclass(frozen=True)
class World:
    """What there is to be filmed.

    Args:
        people: Those who walk.
        seconds: Times of the frames.
        walls: x1, x2 of what stands in front of all.
        camera: Where the camera looks at a time, x and y of its corner on the ground.
        detector: What looks for people.
        seed: Of everything by chance.
    """

    people: Sequence[Person]
    seconds: Sequence[float]
    walls: Sequence[tuple[int, int]] = ()
    camera: Callable[[float], tuple[float, float]] = lambda _: (0.0, 0.0)
    detector: Detector = Detector()
    seed: int = 0

    def __iter__(self) -> Iterator[Shot]:
        rng = np.random.default_rng(self.seed)
        ground = _ground(rng)
        for seconds in self.seconds:
            corner = np.array(self.camera(seconds))
            poses = np.stack([_posed(person, seconds) for person in self.people]) - corner
            image, owners = self._drawn(ground, corner, poses)
            seen = _seen(owners, poses)
            yield Shot(image, seconds, _truth(poses, seen), _found(poses, seen, self.detector, rng))

    def _drawn(self, ground: Image, corner: Float, poses: Float) -> tuple[Image, Image]:
        left, top = np.round(corner + MARGIN).astype(int)
        image = ground[top : top + SIZE[1], left : left + SIZE[0]].copy()
        owners = np.zeros(image.shape[:2], np.uint8)
        depth = poses[:, 15:, 1].max(axis=1)
        for number in np.argsort(depth):
            _draw(image, owners, int(number), poses[number], self.people[number])
        for first, last in self.walls:
            start, stop = (int(np.clip(x - corner[0], 0, SIZE[0])) for x in (first, last))
            image[:, start:stop] = 60 + ground[: SIZE[1], : stop - start] // 4
            owners[:, start:stop] = WALL
        return image, owners


MARGIN = 700


def _ground(rng: np.random.Generator) -> Image:
    """A wide textured background."""
    high, wide = SIZE[1] + 2 * MARGIN, SIZE[0] + 2 * MARGIN
    coarse = rng.integers(0, 110, (high // 16, wide // 16, 1)) + rng.integers(
        70, 110, (high // 16, wide // 16, 3)
    )
    smooth = cv2.resize(coarse.astype(np.uint8), (wide, high), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(rng.integers(0, 50, (high // 3, wide // 3, 1), np.uint8), (wide, high))
    return np.asarray(smooth // 2 + 40 + grain[..., None], np.uint8)


def _posed(person: Person, seconds: float) -> Float:
    """Keypoints on the ground, shape (17, 2)."""
    x, y = person.place(seconds)
    before = person.place(seconds - 0.05)[0]
    facing = 1.0 if x >= before else -1.0
    return _pose(person.phase + 2 * np.pi * x / person.stride, facing) * person.height + (x, y)


def _pose(phase: float, facing: float) -> Float:
    """A walker whose feet are at 0, 0 and who is 1 high."""
    swing = np.sin([phase, phase + np.pi])  # of the left leg and the right
    hips = np.array([[0.05, -0.52], [-0.05, -0.52]]) * (facing, 1)
    shoulders = np.array([[0.08, -0.82], [-0.08, -0.82]]) * (facing, 1)
    thigh, upper_arm = 0.5 * swing, -0.6 * swing
    shank, forearm = thigh - 0.5 * np.clip(-np.cos([phase, phase + np.pi]), 0, 1), upper_arm + 0.4
    knees = hips + 0.25 * _away(thigh, facing)
    ankles = knees + 0.25 * _away(shank, facing)
    elbows = shoulders + 0.16 * _away(upper_arm, facing)
    wrists = elbows + 0.15 * _away(forearm, facing)
    head = np.array([[0.05, -0.92], [0.045, -0.94], [0.02, -0.94], [0.0, -0.93], [-0.03, -0.93]]) * (
        facing,
        1,
    )
    return np.concatenate([head, shoulders, elbows, wrists, hips, knees, ankles])


def _away(angle: Float, facing: float) -> Float:
    return np.stack([facing * np.sin(angle), np.cos(angle)], axis=-1)


def _draw(image: Image, owners: Image, number: int, xy: Float, person: Person) -> None:
    """Draw somebody into the picture, and their number + 1 into the map of owners."""
    thick = max(2, round(0.07 * person.height))
    at = [(int(x), int(y)) for x, y in np.round(xy)]
    trunk = np.array([at[5], at[6], at[12], at[11]])
    skin = (220, 180, 150)
    for picture, top, bottom, face in (
        (image, person.shirt, person.trousers, skin),
        (owners, *[(number + 1,) * 3] * 3),
    ):
        for a, b in ((12, 14), (14, 16), (11, 13), (13, 15)):
            cv2.line(picture, at[a], at[b], bottom, thick)
        cv2.fillConvexPoly(picture, cv2.convexHull(trunk), top)
        cv2.polylines(picture, [trunk], True, top, thick)
        for a, b in ((6, 8), (8, 10), (5, 7), (7, 9)):
            cv2.line(picture, at[a], at[b], top, thick)
        middle = tuple(int(v) for v in np.round(xy[:5].mean(axis=0)))
        cv2.circle(picture, middle, max(3, round(0.07 * person.height)), face, -1)


def _seen(owners: Image, poses: Float) -> np.ndarray:
    """Whether each keypoint is in the picture and not hidden, shape (N, K)."""
    x, y = np.moveaxis(np.round(poses).astype(int), -1, 0)
    inside = (x >= 0) & (y >= 0) & (x < SIZE[0]) & (y < SIZE[1])
    owner = owners[np.clip(y, 0, SIZE[1] - 1), np.clip(x, 0, SIZE[0] - 1)]
    return inside & (owner == np.arange(1, len(poses) + 1)[:, None])


def _padded(xy: Float) -> Float:
    boxes = boxes_of_points(xy)
    pad = 0.06 * (boxes[:, 3] - boxes[:, 1])[:, None]
    return boxes + pad * [-1, -1, 1, 1]


def _truth(poses: Float, seen: np.ndarray) -> pp.Keypoints:
    there = seen.mean(axis=1) >= 0.4
    xy = poses[there]
    return pp.Keypoints(
        xy=xy,
        scores=np.ones(xy.shape[:2]),
        skeleton=SKELETON,
        visible=seen[there],
        boxes=_padded(np.where(seen[there][..., None], xy, np.nan)),
        track_ids=np.flatnonzero(there) + 1,
    )


def _found(poses: Float, seen: np.ndarray, detector: Detector, rng: np.random.Generator) -> pp.Keypoints:
    """What a detector says; see the top of this file."""
    part = seen.mean(axis=1)
    size = np.sqrt((poses.max(axis=1) - poses.min(axis=1)).prod(axis=1)).clip(20)[:, None, None]
    xy = (
        poses
        + rng.normal(size=poses.shape) * size * np.where(seen, detector.noise, 4 * detector.noise)[..., None]
    )
    scores = np.clip(np.where(seen, 0.85, 0.3) + rng.normal(0, 0.07, seen.shape), 0.01, 1)
    lacking = ~seen & (rng.random(seen.shape) < 0.5)
    xy[lacking], scores[lacking] = np.nan, 0.0
    sure = np.where(part > 0.8, 0.85, 0.9 * part) + rng.normal(0, 0.07, len(part))
    missed = detector.missed + 0.8 * np.clip((0.4 - part) / 0.1, 0, 1)
    there = (part > 0.33) & (rng.random(len(part)) > missed) & (np.count_nonzero(~lacking, axis=1) > 2)
    found = pp.Keypoints(
        xy=xy[there],
        scores=scores[there],
        skeleton=SKELETON,
        boxes=_padded(np.where(seen[..., None], xy, np.nan)[there])
        + rng.normal(size=(there.sum(), 4)) * 1.5 * detector.noise * size[there, 0],
        box_scores=np.clip(sure[there], 0.02, 0.99),
    )
    return _merged(pp.Keypoints.concatenate([found, _false(detector, rng)]), detector.merges)


def _false(detector: Detector, rng: np.random.Generator) -> pp.Keypoints:
    """Somebody who is not there, now and then."""
    count = int(rng.random() < detector.false)
    xy = _pose(0.0, 1.0) * rng.uniform(60, 160) + rng.uniform(0, SIZE, (count, 1, 2))
    xy = np.broadcast_to(xy, (count, 17, 2)) + rng.normal(0, 4, (count, 17, 2))
    score = rng.uniform(0.1, 0.65, count)
    return pp.Keypoints(xy, np.full((count, 17), 0.4), SKELETON, boxes=_padded(xy), box_scores=score)


def _merged(found: pp.Keypoints, most: float) -> pp.Keypoints:
    """Of boxes that overlap more the surer one, and all in no order."""
    assert found.boxes is not None and found.box_scores is not None
    order = np.argsort(-found.box_scores)
    overlap = np.triu(iou(found.boxes[order], found.boxes[order]), 1)
    kept = np.sort(order[overlap.max(axis=0, initial=0) <= most])
    return found[kept]


def _dressed(
    rng: np.random.Generator, count: int, alike: bool
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    shirts, trousers = (rng.permutation(len(COLOURS)) for _ in range(2))
    if alike:
        shirts[:], trousers[:] = shirts[0], trousers[0]
    return [
        (tuple(COLOURS[shirts[n % 10]].tolist()), tuple(COLOURS[trousers[n % 10]].tolist()))
        for n in range(count)
    ]


def _walker(
    rng: np.random.Generator,
    start: float,
    stop: float,
    seconds: float,
    y: float,
    clothes,
    *,
    wobble: float = 0.1,
) -> Person:
    """Somebody who walks from one x to another, not quite evenly; who is nearer is larger."""
    turn, sway = rng.uniform(0, 2 * np.pi), rng.uniform(2, 5)
    reach = stop - start

    def place(now: float) -> tuple[float, float]:
        along = now / seconds + wobble * np.sin(2 * np.pi * now / seconds + turn) / (2 * np.pi)
        return start + reach * along, y + sway * np.sin(now + turn)

    height = 0.55 * y
    return Person(place, height, *clothes, stride=0.8 * height, phase=rng.uniform(0, 2 * np.pi))


def crossing(seed: int, *, fps: float = 30.0, alike: bool = False) -> World:
    """Four people, two from either side, cross within six seconds."""
    rng = np.random.default_rng(seed)
    clothes = _dressed(rng, 4, alike)
    depths = rng.permutation([210, 230, 250, 270]) + rng.uniform(-6, 6, 4)
    people = []
    for number in range(4):
        ends = rng.uniform(20, 90), rng.uniform(390, 460)
        start, stop = ends if number % 2 else ends[::-1]
        people.append(_walker(rng, start, stop, 6.0, depths[number], clothes[number]))
    return World(people, np.arange(0, 6, 1 / fps).tolist(), seed=seed)


def crowd(seed: int, *, fps: float = 12.0, alike: bool = False) -> World:
    """Seven people at about the same depth walk to and fro past each other, filmed slowly."""
    rng = np.random.default_rng(seed)
    clothes = _dressed(rng, 7, alike)
    people = []
    for number in range(7):
        middle, reach = rng.uniform(140, 340), rng.uniform(80, 180)
        period, turn = rng.uniform(4, 8), rng.uniform(0, 2 * np.pi)
        y = rng.uniform(235, 285)
        people.append(
            Person(
                lambda now, m=middle, r=reach, p=period, t=turn, y=y: (
                    m + r * np.sin(2 * np.pi * now / p + t),
                    y,
                ),
                0.5 * y,
                *clothes[number],
                stride=0.4 * y,
                phase=rng.uniform(0, 6),
            )
        )
    return World(people, np.arange(0, 12, 1 / fps).tolist(), seed=seed)


def occlusion(seed: int, *, fps: float = 15.0, alike: bool = False) -> World:
    """Five people walk behind walls that hide them for half a second to a second, and some meet there.

    In the middle of the time they turn round, in view, and walk back.
    """
    rng = np.random.default_rng(seed)
    clothes = _dressed(rng, 5, alike)
    walls = []
    for left in (110, 300):
        start = left + int(rng.uniform(-15, 15))
        walls.append((start, start + int(rng.uniform(75, 95))))
    people = []
    for number in range(5):
        ends = rng.uniform(10, 60), rng.uniform(420, 470)
        start, stop = ends if number % 2 else ends[::-1]
        seconds = abs(stop - start) / rng.uniform(95, 135)
        people.append(_walker(rng, start, stop, seconds, rng.uniform(215, 290), clothes[number]))
    people = [replace(one, place=_and_back(one.place, _turn(one.place, walls))) for one in people]
    return World(people, np.arange(0, 6.4, 1 / fps).tolist(), walls=walls, seed=seed)


Place = Callable[[float], tuple[float, float]]


def _turn(place: Place, walls: Sequence[tuple[int, int]]) -> float:
    """The time nearest to the middle at which somebody is well in view."""
    times = sorted(np.arange(2.2, 4.2, 0.05), key=lambda now: abs(now - 3.2))
    inside = [(first - 35, last + 35) for first, last in walls]
    clear = (now for now in times if not any(low < place(now - 0.25)[0] < high for low, high in inside))
    return float(next(clear))


def _and_back(place: Place, turn: float) -> Place:
    """Walk on, and after a while the same way back, turning within half a second."""

    def there(now: float) -> tuple[float, float]:
        return place(turn - np.sqrt((now - turn) ** 2 + 0.06))

    return there


def reentry(seed: int, *, fps: float = 15.0, alike: bool = False) -> World:
    """Two people leave the picture and come back after a second; meanwhile two strangers come in there."""
    rng = np.random.default_rng(seed)
    clothes = _dressed(rng, 6, alike)
    people = []
    for number, side in enumerate((0, 1)):
        gone = rng.uniform(1.5, 2.5)
        people.append(_leaver(rng, side, gone, rng.uniform(0.9, 1.5), clothes[2 * number]))
        people.append(_stranger(rng, side, gone + rng.uniform(0.5, 1.0), clothes[2 * number + 1]))
    people.append(_walker(rng, 150, 330, 6.0, 250, clothes[4]))
    return World(people, np.arange(0, 6, 1 / fps).tolist(), seed=seed)


def _leaver(rng: np.random.Generator, side: int, gone: float, away: float, clothes) -> Person:
    """Walks out over an edge at a time, turns, and comes in again some time later."""
    speed, y = rng.uniform(90, 130), rng.uniform(220, 280)
    edge = SIZE[0] + 25 if side else -25

    def place(now: float) -> tuple[float, float]:
        out = away / 2 - np.sqrt((now - gone - away / 2) ** 2 + 0.03)
        return edge + (1 if side else -1) * speed * out, y

    return Person(place, 0.55 * y, *clothes, stride=0.45 * y, phase=rng.uniform(0, 6))


def _stranger(rng: np.random.Generator, side: int, enters: float, clothes) -> Person:
    """Comes in over an edge at a time and walks to the other."""
    speed, y = rng.uniform(90, 130), rng.uniform(220, 280)
    edge = SIZE[0] + 25 if side else -25

    def place(now: float) -> tuple[float, float]:
        return edge + (-1 if side else 1) * speed * (now - enters), y

    return Person(place, 0.55 * y, *clothes, stride=0.45 * y, phase=rng.uniform(0, 6))


def pan(seed: int, *, fps: float = 15.0, alike: bool = False) -> World:
    """Five people, and a camera that is turned to and fro and shaken while they cross."""
    rng = np.random.default_rng(seed)
    calm = crowd(seed, alike=alike)
    turn, reach = rng.uniform(0, 6), rng.uniform(60, 100)

    def camera(now: float) -> tuple[float, float]:
        return (
            reach * np.sin(2 * np.pi * now / 2.5 + turn) + 10 * np.sin(9 * now),
            20 * np.sin(2 * np.pi * now / 1.7) + 6 * np.sin(11 * now + turn),
        )

    return replace(calm, people=calm.people[:5], seconds=np.arange(0, 8, 1 / fps).tolist(), camera=camera)


def drops(seed: int, *, alike: bool = False) -> World:
    """The crossing at a rate that varies: two in three frames are dropped, up to half a second at once."""
    rng = np.random.default_rng(seed)
    world = crossing(seed, alike=alike)
    kept = rng.random(len(world.seconds)) < 0.35
    for start in rng.integers(30, 150, 2):
        kept[start : start + 12] = False
    return replace(world, seconds=[t for t, keep in zip(world.seconds, kept, strict=True) if keep])


def noisy(seed: int, *, alike: bool = False) -> World:
    """The crossing, looked at by a bad detector."""
    return replace(crossing(seed, alike=alike), detector=Detector(noise=0.05, missed=0.15, false=0.2))


WORLDS: dict[str, Callable[..., World]] = {
    "crossing": crossing,
    "crowd": crowd,
    "occlusion": occlusion,
    "re-entry": reentry,
    "pan": pan,
    "drops": drops,
    "noisy": noisy,
}
