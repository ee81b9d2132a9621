"""Which supervisor is called to which conversation: the precedence of features 2.4."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors import messages as m
from actors.dossier import AgentCard
from actors.effects import ReplyTo, TellContact
from actors.ids import AgentId, ContactId, QueueName
from actors.monitor_desk import MonitorDesk
from actors.reasons import Refusal

ADA, BEN, BOSS, CHIEF = (AgentId(name) for name in ("1001", "1002", "1009", "1010"))
CARDS = {
    ADA: AgentCard(team="blue"),
    BEN: AgentCard(team="red"),
    BOSS: AgentCard(role="supervisor"),
    CHIEF: AgentCard(role="administrator"),
}
NOON = 1_700_000_000.0


class Stage:
    def __init__(self) -> None:
        self.now = NOON
        self.desk = MonitorDesk(CARDS, frozenset({"support", "sales"}), lambda: self.now)

    def asks(self, command: c.MonitorCommand, by: AgentId = BOSS, role="supervisor"):
        """The refusal, if it is one."""
        received = c.MonitorCommandReceived(command, c.Principal("sue", role, by), "test")
        (reply,) = self.desk.handle(received)
        assert isinstance(reply, ReplyTo)
        return reply.answer.refused

    def began(self, agent: AgentId = ADA, queue: str = "support") -> list[tuple[AgentId, str]]:
        """Who is called to it, and in which mode."""
        contact = ContactId("c1")
        effects = self.desk.handle(m.ConversationBegan(contact, agent, QueueName(queue)))
        assert all(isinstance(e, TellContact) and e.contact == contact for e in effects)
        self.asked = [effect.message.wish for effect in effects]
        return [(wish.supervisor, wish.mode) for wish in self.asked]


def every(kind: str, target: str, mode="listen") -> c.RequestMonitoring:
    return c.RequestMonitoring(kind, target, mode, continuous=True)


def following(kind: str, target: str, mode="listen") -> c.RequestMonitoring:
    return c.RequestMonitoring(kind, target, mode)


def scheduled(kind: str, target: str, begins: float, ends: float, mode="listen"):
    times = (round((NOON + begins) * 1e6), round((NOON + ends) * 1e6))
    return c.RequestMonitoring(kind, target, mode, False, *times)


def test_the_next_call_is_heard_once_and_every_call_each_time():
    stage = Stage()
    stage.asks(following("agent", ADA))
    stage.asks(every("team", "blue"), CHIEF)
    assert stage.began() == [(BOSS, "listen"), (CHIEF, "listen")]
    assert stage.began() == [(CHIEF, "listen")]
    assert stage.began(BEN) == []


@pytest.mark.parametrize(("first", "second"), [(every, following), (following, every)])
def test_the_next_and_every_call_of_one_target_exclude_each_other(first, second):
    stage = Stage()
    assert stage.asks(first("queue", "support")) is None
    assert stage.asks(second("queue", "support")) == Refusal.ALREADY_MONITORING
    assert stage.asks(second("queue", "support"), CHIEF) is None  # another's wish is his own
    assert stage.asks(first("queue", "support", "whisper")) is None  # how may be changed
    assert stage.began()[0] == (BOSS, "whisper")


@pytest.mark.parametrize("order", [1, -1])
def test_a_continuous_wish_comes_before_one_for_the_next_call_which_goes_on_waiting(order):
    stage = Stage()
    wishes = [every("agent", ADA, "whisper"), following("queue", "support")]
    for wish in wishes[::order]:
        stage.asks(wish)
    assert stage.began() == [(BOSS, "whisper")]
    assert stage.began(BEN) == [(BOSS, "listen")]
    assert stage.began(BEN) == []


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("other", [every, following])
def test_a_scheduled_wish_waits_behind_another_and_goes_on_after_it(order, other):
    """Of the same target, too."""
    stage = Stage()
    wishes = [scheduled("agent", ADA, 0, 600, "barge_in"), other("agent", ADA)]
    for wish in wishes[::order]:
        assert stage.asks(wish) is None
    assert stage.began() == [(BOSS, "listen")]
    if other is every:
        assert stage.began() == [(BOSS, "listen")]
        stage.asks(c.CancelMonitoring("agent", ADA))
        assert stage.began() == []  # all that was wanted of her is cancelled
    else:
        assert stage.began() == [(BOSS, "barge_in")]


def test_a_call_that_he_missed_was_not_the_next_one():
    stage = Stage()
    stage.asks(following("agent", ADA))
    assert stage.began() == [(BOSS, "listen")]
    (wish,) = stage.asked
    assert stage.desk.handle(m.MonitorMissed(wish)) == []
    assert stage.began() == [(BOSS, "listen")]
    assert stage.began() == []


def test_what_he_wished_since_is_not_undone_by_a_call_that_he_missed():
    stage = Stage()
    stage.asks(following("agent", ADA))
    stage.began()
    (wish,) = stage.asked
    stage.asks(every("agent", ADA, "whisper"))
    stage.desk.handle(m.MonitorMissed(wish))
    assert stage.began() == stage.began() == [(BOSS, "whisper")]


def test_a_continuous_wish_that_was_cancelled_as_its_call_was_missed_is_gone():
    stage = Stage()
    stage.asks(every("agent", ADA))
    stage.began()
    (wish,) = stage.asked
    stage.asks(c.CancelMonitoring("agent", ADA))
    stage.desk.handle(m.MonitorMissed(wish))
    assert stage.desk.wishes == {}


def test_a_scheduled_wish_holds_from_its_begin_to_its_end():
    stage = Stage()
    stage.asks(scheduled("team", "blue", 60, 120))
    assert stage.began() == []
    stage.now = NOON + 60
    assert stage.began() == stage.began() == [(BOSS, "listen")]
    stage.now = NOON + 120
    assert stage.began() == []
    assert stage.desk.wishes == {}


@pytest.mark.parametrize(
    "wish",
    [
        scheduled("agent", ADA, 120, 60),
        scheduled("agent", ADA, -120, -60),
        c.RequestMonitoring("agent", ADA, begins=1),
        c.RequestMonitoring("agent", ADA, ends=round(NOON * 1e6) + 1),
        c.RequestMonitoring("agent", ADA, "listen", True, 1, round(NOON * 1e6) + 1),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(wish):
    stage = Stage()
    assert stage.asks(wish) == Refusal.BAD_TIME
    assert stage.desk.wishes == {}


def test_who_has_no_wish_cannot_cancel_one_and_nobody_hears_himself():
    stage = Stage()
    assert stage.asks(c.CancelMonitoring("agent", ADA)) == Refusal.NOT_MONITORING
    stage.asks(every("agent", BOSS))
    assert stage.began(BOSS) == []


def test_an_agent_may_not_and_what_is_unknown_is_said():
    stage = Stage()
    assert stage.asks(every("agent", ADA), BEN, "agent") == Refusal.NOT_PERMITTED
    assert stage.asks(every("team", "green")) == Refusal.UNKNOWN_DESTINATION
