from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from ccserver.media.ports import PortsExhausted
from ccserver.media.reserve import AT_ONCE, TOLD_AT_ONCE, Reserve
from ccserver.media.sockets import Pair, Place

HERE = Place("127.0.0.1", "192.0.2.1")


class Shelf:
    """A reserve where there are so many port pairs, and the ports it has told of."""

    def __init__(self, pairs: int) -> None:
        self.left = pairs
        self.told: list[int] = []
        self._ports = count(20_000, 2)
        self.reserve = Reserve(self, [HERE], pairs)  # type: ignore[arg-type]

    def take(self, *, ipv6: bool, now: float) -> Pair:
        if not self.left:
            raise PortsExhausted
        self.left -= 1
        no_socket: Any = SimpleNamespace(fileno=int)
        return Pair(HERE, next(self._ports), no_socket, no_socket)

    def ticks(self, count: int = 1) -> list[int]:
        """Of how many pairs it tells at each."""
        told = [[port for r in self.reserve.fill(0.0) for port in r.ports] for _ in range(count)]
        self.told += [port for ports in told for port in ports]
        return [len(ports) for ports in told]

    def use(self, count: int) -> None:
        for _ in range(count):
            assert self.reserve.take(self.told.pop(0), ipv6=False) is not None


def test_nothing_is_kept_until_it_is_wanted() -> None:
    shelf = Shelf(80)
    assert shelf.ticks(2) == [0, 0]
    assert len(shelf.reserve) == 0


def test_it_fills_a_few_at_a_tick_until_there_are_as_many_as_are_wanted() -> None:
    shelf = Shelf(80)
    shelf.reserve.want(3 * AT_ONCE)
    assert shelf.ticks(4) == [AT_ONCE, AT_ONCE, AT_ONCE, 0]
    assert len(shelf.reserve) == 3 * AT_ONCE


def test_it_is_short_when_more_than_a_quarter_is_missing() -> None:
    shelf = Shelf(80)
    assert not shelf.reserve.is_short
    shelf.reserve.want(8)
    assert shelf.reserve.is_short

    shelf.ticks()
    shelf.use(2)
    assert not shelf.reserve.is_short
    shelf.use(1)
    assert shelf.reserve.is_short


def test_the_core_is_told_of_many_pairs_in_one_go() -> None:
    shelf = Shelf(200)
    shelf.reserve.want(64)
    shelf.ticks(4)

    for _ in range(TOLD_AT_ONCE - 1):
        shelf.use(1)
        assert shelf.ticks() == [0]
    shelf.use(1)

    assert shelf.ticks() == [TOLD_AT_ONCE]


def test_when_no_ports_are_left_it_is_told_of_the_last_ones_however_few() -> None:
    shelf = Shelf(66)
    shelf.reserve.want(64)
    shelf.ticks(4)
    shelf.use(5)

    assert shelf.ticks(2) == [2, 0]


def test_a_core_that_comes_anew_is_told_of_all_and_of_none_twice() -> None:
    shelf = Shelf(200)
    shelf.reserve.want(64)
    shelf.ticks(4)
    shelf.use(3)
    assert shelf.ticks() == [0]

    (ready,) = shelf.reserve.want(64)
    assert len(ready.ports) == 64
    shelf.told = list(ready.ports)
    shelf.use(TOLD_AT_ONCE)

    assert shelf.ticks() == [TOLD_AT_ONCE]
    assert len(set(shelf.told)) == 64


def test_a_pair_is_given_once_and_to_its_family() -> None:
    shelf = Shelf(80)
    shelf.reserve.want(1)
    shelf.ticks()
    (port,) = shelf.told

    assert shelf.reserve.take(port, ipv6=True) is None
    assert shelf.reserve.take(port, ipv6=False) is not None
    assert shelf.reserve.take(port, ipv6=False) is None
