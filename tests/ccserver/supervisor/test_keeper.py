from __future__ import annotations

import pytest

from ccserver.supervisor.keeper import (
    Ended,
    Ending,
    EndProcess,
    EndWanted,
    GiveUp,
    Idle,
    Keeper,
    KillProcess,
    ProcessEnded,
    Resting,
    Running,
    StartProcess,
)
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def crash_and_restart(keeper: Keeper) -> float:
    """The pause before the restart."""
    (pause,) = keeper.handle(ProcessEnded(-11))
    assert isinstance(pause, StartTimer)
    assert keeper.handle(TimerFired("restart")) == [StartProcess()]
    return pause.seconds


def test_a_crashed_process_is_started_again_after_pauses_that_double():
    keeper = Keeper("core", Clock())
    assert keeper.start() == [StartProcess()]

    assert [crash_and_restart(keeper) for _ in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_one_crash_too_many_within_a_minute_ends_the_server_with_a_reason():
    keeper = Keeper("core", Clock())
    keeper.start()
    for _ in range(5):
        crash_and_restart(keeper)

    effects = keeper.handle(ProcessEnded(-11))

    assert effects == [
        GiveUp(
            1,
            "the core process crashed 6 times within 60 seconds, last with signal 11: giving up",
        ),
        Stop(),
    ]
    assert keeper.state == Ended()


def test_old_crashes_are_forgotten():
    clock = Clock()
    keeper = Keeper("core", clock)
    keeper.start()

    for _ in range(20):
        pause = crash_and_restart(keeper)
        clock.now += 60.0

    assert pause == 0.1


def test_an_exit_without_error_that_nobody_asked_for_is_a_crash():
    keeper = Keeper("media", Clock())
    keeper.start()

    assert keeper.handle(ProcessEnded(0)) == [StartTimer("restart", 0.1)]


def test_a_wrong_configuration_is_not_tried_again():
    keeper = Keeper("core", Clock())
    keeper.start()

    assert keeper.handle(ProcessEnded(2)) == [GiveUp(2, None), Stop()]


def test_one_that_cannot_start_again_is_tried_until_it_can():
    """Calls are relayed meanwhile; a disk that is full now may have room in a minute."""
    clock = Clock()
    keeper = Keeper("core", clock)
    keeper.start()
    assert crash_and_restart(keeper) == 0.1
    for _ in range(20):
        assert keeper.handle(ProcessEnded(2)) == [StartTimer("restart", 5.0)]
        clock.now += 5.0
        assert keeper.handle(TimerFired("restart")) == [StartProcess()]


def test_a_process_is_told_to_end_and_killed_when_it_does_not():
    keeper = Keeper("core", Clock())
    keeper.start()

    assert keeper.handle(EndWanted(65)) == [EndProcess(), StartTimer("patience", 65)]
    assert keeper.handle(EndWanted(5)) == [EndProcess(), StartTimer("patience", 5)]
    assert keeper.handle(TimerFired("patience")) == [KillProcess()]
    assert keeper.handle(ProcessEnded(-9)) == [CancelTimer("patience"), Stop()]
    assert keeper.state == Ended()


def test_a_process_that_is_told_to_end_and_crashes_is_not_started_again():
    keeper = Keeper("core", Clock())
    keeper.start()
    keeper.handle(EndWanted(65))

    assert keeper.handle(ProcessEnded(-11)) == [CancelTimer("patience"), Stop()]


def test_the_end_in_a_pause_cancels_the_restart():
    keeper = Keeper("core", Clock())
    keeper.start()
    keeper.handle(ProcessEnded(1))

    assert keeper.handle(EndWanted(65)) == [CancelTimer("restart"), Stop()]


def test_the_end_of_what_has_ended_is_no_news():
    keeper = Keeper("core", Clock())
    keeper.start()
    keeper.handle(ProcessEnded(2))

    assert keeper.handle(EndWanted(65)) == []


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (Idle(), ProcessEnded(0)),
        (Running(), TimerFired("restart")),
        (Running(), TimerFired("patience")),
        (Resting(), ProcessEnded(1)),
        (Ending(), TimerFired("restart")),
        (Ended(), ProcessEnded(0)),
    ],
)
def test_what_cannot_happen_raises_and_changes_nothing(state, message):
    keeper = Keeper("core", Clock())
    keeper.state = state

    with pytest.raises(ValueError, match=f"{type(message).__name__} while {type(state).__name__}"):
        keeper.handle(message)
    assert keeper.state == state


def test_one_that_is_not_vital_is_started_again_for_ever():
    keeper = Keeper("web", Clock(), vital=False)
    keeper.start()

    pauses = [crash_and_restart(keeper) for _ in range(20)]

    assert pauses[-1] == 5.0
    assert isinstance(keeper.state, Running)


def test_a_port_that_is_taken_when_the_server_starts_ends_it_and_later_does_not():
    first, later = (Keeper("web", Clock(), vital=False) for _ in range(2))
    first.start()
    later.start()
    crash_and_restart(later)

    assert first.handle(ProcessEnded(2)) == [GiveUp(2, None), Stop()]
    assert later.handle(ProcessEnded(2)) == [StartTimer("restart", 5.0)]
