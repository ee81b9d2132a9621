from __future__ import annotations

from ccserver.media.batch import Allowance


def test_a_socket_may_give_so_many_packets_in_a_tick():
    allowance = Allowance(3)

    assert [allowance.spend([5, 7]), allowance.spend([5]), allowance.spend([5, 7])] == [[], [], [5]]
    assert allowance.spend([5, 7]) == [5, 7]

    allowance.renew()
    assert allowance.spend([5, 7]) == []


def test_there_is_an_allowance_for_every_descriptor():
    allowance = Allowance(1)

    assert allowance.spend([3, 100_000]) == [3, 100_000]
