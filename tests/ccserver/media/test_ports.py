from __future__ import annotations

from random import Random

import pytest

from ccserver.media.ports import REST, PortPool, PortsExhausted


def test_ports_are_even_and_leave_room_for_the_next():
    pool = PortPool(20001, 20007)

    assert [pool.take(0.0), pool.take(0.0)] == [20002, 20004]
    assert pool.take(0.0) == 20006
    with pytest.raises(PortsExhausted):
        pool.take(0.0)


def test_the_last_port_is_not_given_without_the_one_above_it():
    pool = PortPool(20000, 20002)

    assert pool.take(0.0) == 20000
    with pytest.raises(PortsExhausted):
        pool.take(0.0)


def test_m19_a_port_rests_before_it_is_given_again():
    pool = PortPool(20000, 20001)
    pool.give_back(pool.take(0.0), 10.0)

    with pytest.raises(PortsExhausted):
        pool.take(10.0 + REST - 0.001)
    assert pool.resting(10.0) == 1
    assert pool.take(10.0 + REST) == 20000


def test_m19_a_thousand_calls_leave_nothing_behind():
    pool = PortPool(20000, 21999, random=Random(1))
    for call in range(1000):
        now = call * 0.1
        one, other = pool.take(now), pool.take(now)
        pool.give_back(one, now + 0.05)
        pool.give_back(other, now + 0.05)

    assert pool.used == 0
    assert pool.free(1000.0) == 1000


def test_in_turn_the_longest_rested_comes_first():
    pool = PortPool(20000, 20005)
    pool.give_back(pool.take(0.0), 0.0)

    assert [pool.take(9.0) for _ in range(3)] == [20002, 20004, 20000]


def test_random_ports_come_in_another_order_with_another_seed():
    def order(seed: int) -> list[int]:
        pool = PortPool(20000, 20999, random=Random(seed))
        return [pool.take(0.0) for _ in range(500)]

    assert order(1) != order(2)
    assert sorted(order(1)) == list(range(20000, 21000, 2))


def test_a_port_that_is_not_in_use_cannot_be_given_back():
    pool = PortPool(20000, 20001)

    with pytest.raises(KeyError):
        pool.give_back(20000, 0.0)


@pytest.mark.parametrize(("first", "last"), [(0, 9), (30000, 20000), (20001, 20002), (2000, 65536)])
def test_a_range_that_holds_no_pair_is_refused(first: int, last: int):
    with pytest.raises(ValueError, match="expected"):
        PortPool(first, last)
