from dataclasses import dataclass

import pytest

from pinpoint.serve.refusal import RefusedError
from pinpoint.serve.shelf import Shelf


@dataclass
class Thing:
    name: str
    busy: bool = False
    failed: bool = False
    closed: bool = False

    def close(self) -> None:
        self.closed = True


def test_what_was_asked_for_longest_ago_goes():
    shelf = Shelf(Thing, 2)
    a, b = shelf["a"], shelf["b"]
    assert shelf["a"] is a
    _ = shelf["c"]
    assert ([name for name, _ in shelf], a.closed, b.closed) == (["a", "c"], False, True)


def test_what_is_in_use_stays():
    shelf = Shelf(Thing, 2)
    shelf["a"].busy = True
    _ = shelf["b"], shelf["c"]
    assert [name for name, _ in shelf] == ["a", "c"]


def test_where_everything_is_in_use_another_is_refused():
    shelf = Shelf(Thing, 1)
    shelf["a"].busy = True
    with pytest.raises(RefusedError, match="ask for a, or later") as refused:
        _ = shelf["b"]
    assert refused.value.status == 503


def test_what_failed_is_made_again():
    shelf = Shelf(Thing, 2)
    failed = shelf["a"]
    failed.failed = True
    assert shelf["a"] is not failed and failed.closed


def test_closing_closes_everything():
    shelf = Shelf(Thing, 2)
    things = [shelf["a"], shelf["b"]]
    shelf.close()
    assert (len(shelf), [thing.closed for thing in things]) == (0, [True, True])
