"""What is loaded, of which only so much may be at once."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from pinpoint.serve.refusal import RefusedError

__all__ = ["Loaded", "Shelf"]


class Loaded(Protocol):
    """Something that loads in the background once it is made."""

    @property
    def busy(self) -> bool:
        """Whether someone is using it or waiting for it."""
        ...

    @property
    def failed(self) -> bool:
        """Whether it could not be loaded, and it is time to try again."""
        ...

    def close(self) -> None:
        """Let go of it; what waits for it is given up."""
        ...


T = TypeVar("T", bound=Loaded)


class Shelf(Generic[T]):
    """Keeps what is asked for until others are asked for more recently. For one thread.

    Args:
        make: Begins to load what is not there.
        most: How many may be loaded at once.
    """

    def __init__(self, make: Callable[[str], T], most: int) -> None:
        self._make = make
        self._most = most
        self._loaded: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, name: str) -> T:
        """Return what has a name, and begin to load it if it is not there.

        Raises:
            RefusedError: It is not there, and everything that is there is in use.
        """
        if name in self._loaded and self._loaded[name].failed:  # it may be there by now
            self._loaded.pop(name).close()
        if name not in self._loaded:
            self._make_room()
            self._loaded[name] = self._make(name)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(tuple(self._loaded.items()))

    def __len__(self) -> int:
        return len(self._loaded)

    def close(self) -> None:
        """Let go of everything."""
        while self._loaded:
            self._loaded.popitem()[1].close()

    def _make_room(self) -> None:
        while len(self._loaded) >= self._most:
            idle = next((name for name, loaded in self._loaded.items() if not loaded.busy), None)
            if idle is None:
                names = ", ".join(self._loaded)
                raise RefusedError(503, f"other models are in use: ask for {names}, or later", retry_after=5)
            self._loaded.pop(idle).close()
