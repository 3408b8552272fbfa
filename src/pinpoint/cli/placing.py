"""Where the pictures of converted labels lie, and what the labels call them."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pinpoint.datasets.samples import find_picture
from pinpoint.io.formats import FORMATS
from pinpoint.io.records import Record
from pinpoint.io.sizes import size_of_picture
from pinpoint.io.sources import PICTURE_SUFFIXES, is_stream_address

__all__ = ["WAYS", "Placing", "base_of"]

Put = Callable[[Path, Path], None]


def _link(picture: Path, place: Path) -> None:
    place.symlink_to(picture.resolve())


def _copy(picture: Path, place: Path) -> None:
    shutil.copyfile(picture, place)


WAYS: dict[str, Put | None] = {"reference": None, "link": _link, "copy": _copy}
"""How a picture comes to its place, if it is to be anywhere else."""

_BESIDE = ("labelme", "deeplabcut", "pts")  # look for pictures where the name says, not in a folder of them
_BARE = ("aic", "coco", "openpose", "pts")  # hold names without folders
_WITHIN = ("yolo",)  # have a place for pictures in themselves, by split


@dataclass
class Placing:
    """Finds pictures, puts them to where the target looks for them, and says what they are called there.

    Args:
        source: The labels that are read.
        pictures: Folder of the pictures, or none to look beside the labels.
        target: The labels that are written.
        format: Theirs.
        way: A key of `WAYS`.

    Attributes:
        missing: Names of pictures that are not there.
    """

    source: Path
    pictures: Path | None
    target: Path
    format: str
    way: str

    def __post_init__(self) -> None:
        self.missing: dict[str, None] = {}
        self._base = base_of(self.target, self.format)
        self._named: dict[tuple[str, str], str] = {}
        self._places: dict[Path, Path] = {}

    def __call__(self, record: Record) -> Record:
        """Place the picture of a record; a record without a size gets that of its picture.

        Raises:
            UnreadableError: The picture's header is damaged, and its size is not said.
            ValueError: The target needs its pictures within, and they are neither there nor linked or copied.
            FileExistsError: Another file lies where the picture belongs.
            OSError: It cannot be put there.
        """
        if not record.image or is_stream_address(record.image):
            return record
        picture = self._found(record)
        if picture is None:
            self.missing[record.image] = None
            return record
        size = record.size
        if size is None and picture.suffix.lower() in PICTURE_SUFFIXES:
            size = size_of_picture(picture)
        key = (record.image, record.split)
        if key not in self._named:
            self._named[key] = self._placed(record, picture)
        return replace(record, image=self._named[key], size=size)

    def _found(self, record: Record) -> Path | None:
        inside = self.source / "labels" if self.source.is_dir() else self.source
        names = [record.image, f"{record.split}/{record.image}", f"images/{record.split}/{record.image}"]
        candidates = (find_picture(name, inside, self.pictures) for name in names[: 3 if record.split else 1])
        return next((path for path in candidates if path.is_file()), None)

    def _placed(self, record: Record, picture: Path) -> str:
        put = WAYS[self.way]
        name = self._name(record)
        place = self._place(name)
        if put is None:
            return name if _same(place, picture) else self._referred(record, picture)
        while self._places.get(place, picture) != picture:  # two pictures of one name from different folders
            name = str(PurePosixPath(name).with_stem(PurePosixPath(name).stem + "_2"))
            place = self._place(name)
        self._places[place] = picture
        if not _same(place, picture):
            if place.exists() or place.is_symlink():
                raise FileExistsError(f"cannot put {str(picture)!r} at {str(place)!r}: another file is there")
            place.parent.mkdir(parents=True, exist_ok=True)
            put(picture, place)
        return name

    def _name(self, record: Record) -> str:
        """The name as it is, without a way out of the folder."""
        path = PurePosixPath(record.image)
        name = path.name if path.is_absolute() or ".." in path.parts else str(path)
        if self.format not in _WITHIN:
            return name
        split = record.split or "train"
        return f"images/{split}/{name.removeprefix('images/').removeprefix(f'{split}/')}"

    def _place(self, name: str) -> Path:
        beside = self.format in (*_BESIDE, *_WITHIN) or name.startswith("images/")
        return self._base / name if beside else self._base / "images" / name

    def _referred(self, record: Record, picture: Path) -> str:
        if self.format in _WITHIN:
            raise ValueError(f"{self.format} has its pictures within: say --images link or --images copy")
        if self.format in _BARE:
            return self._name(record)
        if not Path(record.image).is_absolute():
            there = find_picture(record.image, self._base / self.target.name, None)
            if self.format not in _BESIDE and _same(there, picture):
                return record.image
        return Path(os.path.relpath(picture.parent.resolve() / picture.name, self._base.resolve())).as_posix()


def base_of(target: Path, format: str) -> Path:
    """The folder from which labels name their pictures."""
    known = FORMATS[format]
    is_folder = known.folder is not None and target.suffix.lower() not in known.suffixes
    return target if is_folder else target.parent


def _same(place: Path, picture: Path) -> bool:
    """Whether a picture is there already: itself or a copy."""
    if not place.exists():
        return False
    return place.samefile(picture) or place.read_bytes() == picture.read_bytes()
