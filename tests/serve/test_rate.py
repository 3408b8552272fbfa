from types import SimpleNamespace

import pytest

from pinpoint.serve import rate as module
from pinpoint.serve.rate import BURST, Rate, household
from pinpoint.serve.refusal import RefusedError


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def _taken(rate: Rate, count: int, client: str = "a") -> int:
    taken = 0
    for _ in range(count):
        try:
            rate.ask(client)
        except RefusedError:
            continue
        taken += 1
    return taken


@pytest.mark.parametrize("most", [0.01, 1.0, 7.0])
def test_over_a_long_time_a_client_gets_its_rate(most, clock):
    rate, taken, seconds = Rate(most), 0, round(1000 / most)
    for _ in range(seconds):
        clock.seconds += 1
        taken += _taken(rate, 10)
    assert taken == pytest.approx(1000, abs=most * BURST + 1)


def test_a_client_that_rested_may_ask_at_once_for_so_many_seconds(clock):
    rate = Rate(4.0)
    assert _taken(rate, 100) == 4 * BURST
    clock.seconds += 1.5
    assert _taken(rate, 100) == 6


def test_who_waits_as_long_as_told_is_taken(clock):
    rate = Rate(0.5)
    _taken(rate, 100)
    with pytest.raises(RefusedError) as refused:
        rate.ask("a")
    clock.seconds += int(refused.value.headers["Retry-After"])
    assert _taken(rate, 1) == 1


def test_clients_do_not_take_from_each_other_and_are_forgotten_when_they_rested(clock):
    rate = Rate(1.0)
    assert [_taken(rate, 100, f"{n}") for n in range(50)] == [BURST] * 50
    clock.seconds += 3 * BURST
    rate.ask("another")
    assert len(rate) == 1


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::6", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("::1", "::2", False),
        ("testclient", "", False),
    ],
)
def test_addresses_of_one_household_count_as_one_client(address, other, same):
    assert (household(address) == household(other)) is same
