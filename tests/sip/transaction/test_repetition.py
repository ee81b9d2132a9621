from __future__ import annotations

import pytest

from sip.machine import CancelTimer, StartTimer
from sip.transaction.values import Timers


@pytest.mark.parametrize("t1", [0.1, 0.5, 2.0])
def test_the_pauses_add_up_to_the_time_after_which_it_is_hopeless(t1):
    repetition = Timers(t1=t1).repetition("again", "hopeless", reliable=False)

    timers = [repetition.timer()]
    while timers[-1].name == "again":
        timers.append(repetition.after(2 * repetition.pause))

    assert timers[0] == StartTimer("again", t1)
    assert timers[-1].name == "hopeless"
    assert sum(timer.seconds for timer in timers) == pytest.approx(64 * t1)


def test_over_a_reliable_transport_nothing_goes_again():
    repetition = Timers().repetition("again", "hopeless", reliable=True)

    assert repetition.timer() == StartTimer("hopeless", 32.0)
    assert repetition.cancel() == CancelTimer("hopeless")


def test_a_pause_that_would_end_as_it_is_hopeless_is_the_last():
    repetition = Timers(t1=1.0).repetition("again", "hopeless", reliable=False)

    assert repetition.after(63.0) == StartTimer("hopeless", 63.0)


def test_the_timer_that_runs_is_cancelled():
    repetition = Timers().repetition("again", "hopeless", reliable=False)
    assert repetition.cancel() == CancelTimer("again")

    repetition.after(40.0)
    assert repetition.cancel() == CancelTimer("hopeless")
