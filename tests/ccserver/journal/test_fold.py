"""What the numbers say after each step of a contact."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import During, EndedBy, OfferFailure, Outcome
from ccserver.journal.fold import Fold, QueueFigures
from tests.support.figures import AGENTS, QUEUES

SUPPORT, SALES = QUEUES
ADA = AGENTS[0]


class Story:
    """One contact's events, in the order in which its actor tells them."""

    def __init__(self, fold: Fold, name: str = "a01", since: float = 90.0) -> None:
        self.fold = fold
        self.ref = ev.ContactRef(ContactId(name))
        self.place = Place(5, since, 1)
        fold.apply(
            ev.ContactArrived(self.ref, EntryPointName("support"), "+44", "2001", LegId("l"))
        )

    def queued(self, queue: QueueName = SUPPORT, *, again: bool = False) -> Story:
        self.fold.apply(ev.ContactQueued(self.ref, queue, self.place, again=again))
        return self

    def presented(self) -> Story:
        self.fold.apply(ev.ContactPresented(self.ref, SUPPORT, ADA, LegId("a"), 0.0004))
        return self

    def offer_failed(self) -> Story:
        self.fold.apply(ev.ContactOfferFailed(self.ref, SUPPORT, ADA, OfferFailure.RONA))
        return self

    def connected(self) -> Story:
        self.fold.apply(ev.ContactConnected(self.ref, SUPPORT, ADA, LegId("a"), 12.0, 3.0))
        return self

    def returned(self) -> Story:
        self.fold.apply(ev.ContactReturned(self.ref, SUPPORT, ADA, "silent", 60.0))
        return self

    def ended(self, outcome: Outcome, during: During | None = None) -> Story:
        self.fold.apply(
            ev.ContactEnded(
                self.ref,
                outcome,
                during=during,
                ended_by=EndedBy.CUSTOMER,
                talked=30.0 if outcome is Outcome.HANDLED else 0.0,
            )
        )
        return self


@pytest.fixture
def fold() -> Fold:
    return Fold(QUEUES, AGENTS, lambda: 100.0)


def show(fold: Fold, queue: str = "support") -> dict[str, int]:
    """The figures that are not 0."""
    figures = fold.figures().queues[queue]
    shown = {
        name: getattr(figures, name)
        for name in QueueFigures.__struct_fields__
        if name not in ("abandoned", "longest_wait")
    }
    shown.update({f"abandoned {during}": count for during, count in figures.abandoned.items()})
    return {name: count for name, count in shown.items() if count}


def test_all_queues_and_states_are_there_from_the_start(fold):
    figures = fold.figures()
    assert set(figures.queues) == {"", "support", "sales"}
    assert figures.agents == {
        "signed_out": 2,
        "idle": 0,
        "available": 0,
        "reserved": 0,
        "engaged": 0,
        "wrap_up": 0,
    }
    assert set(figures.offers_failed) == {reason.value for reason in OfferFailure}


def test_a_call_that_goes_well_is_offered_and_handled_once(fold):
    story = Story(fold)
    assert (show(fold), fold.figures().in_flow) == ({}, 1)
    story.queued()
    assert show(fold) == {"offered": 1, "waiting": 1}
    assert fold.figures().in_flow == 0
    story.presented()
    assert show(fold) == {"offered": 1, "being_offered": 1}
    story.connected()
    assert show(fold) == {"offered": 1, "in_service": 1}
    story.ended(Outcome.HANDLED)
    assert show(fold) == {"offered": 1, "handled": 1}


def test_its_durations_are_observed_once_each(fold):
    Story(fold).queued().presented().connected().ended(Outcome.HANDLED)
    figures = fold.figures()
    assert [(h.sum, sum(h.counts)) for h in (figures.dispatch, figures.answer, figures.talk)] == [
        (0.0004, 1),
        (12.0, 1),
        (30.0, 1),
    ]


@pytest.mark.parametrize(
    ("steps", "during", "queue", "shown"),
    [
        ([], During.FLOW, "", {"offered": 1, "abandoned flow": 1}),
        (["queued"], During.QUEUE, "support", {"offered": 1, "abandoned queue": 1}),
        (
            ["queued", "presented"],
            During.RINGING,
            "support",
            {"offered": 1, "abandoned ringing": 1},
        ),
    ],
)
def test_a_customer_who_hangs_up_is_counted_where_he_was(fold, steps, during, queue, shown):
    story = Story(fold)
    for step in steps:
        getattr(story, step)()
    story.ended(Outcome.ABANDONED, during)
    assert show(fold, queue) == shown
    assert fold.figures().in_flow == 0


def test_what_fails_before_a_queue_is_counted_without_one(fold):
    Story(fold).ended(Outcome.FAILED)
    assert show(fold, "") == {"offered": 1, "failed": 1}


def test_an_offer_that_failed_puts_the_contact_back_in_line(fold):
    story = Story(fold).queued().presented().offer_failed().queued(again=True)
    assert show(fold) == {"offered": 1, "waiting": 1}
    assert fold.figures().offers_failed[OfferFailure.RONA.value] == 1
    story.presented().connected().ended(Outcome.HANDLED)
    assert show(fold) == {"offered": 1, "handled": 1}


def test_an_agent_who_ended_while_it_rang_puts_the_contact_back_in_line(fold):
    Story(fold).queued().presented().queued(again=True)
    assert show(fold) == {"offered": 1, "waiting": 1}


def test_a_contact_that_lost_its_agent_waits_and_its_answer_time_is_that_of_the_first(fold):
    story = Story(fold).queued().presented().connected().returned().queued(again=True)
    assert show(fold) == {"offered": 1, "returned": 1, "waiting": 1}
    story.presented().connected().ended(Outcome.HANDLED)
    assert show(fold) == {"offered": 1, "returned": 1, "handled": 1}
    assert sum(fold.figures().answer.counts) == 1
    assert fold.figures().talk.sum == 90.0


def test_each_queue_in_which_it_is_answered_has_an_answer_time(fold):
    story = Story(fold).queued().presented().connected().returned().queued(SALES)
    story.presented().connected().ended(Outcome.HANDLED)
    assert sum(fold.figures().answer.counts) == 2


def test_a_contact_that_is_handed_to_another_agent_is_being_offered_while_his_phone_rings(fold):
    story = Story(fold).queued().presented().connected()
    story.presented()
    assert show(fold) == {"offered": 1, "being_offered": 1}
    story.connected().ended(Outcome.HANDLED)
    assert show(fold) == {"offered": 1, "handled": 1}


def test_another_queue_takes_the_contact_over(fold):
    Story(fold).queued().queued(SALES)
    assert show(fold, "support") == {"offered": 1, "overflowed": 1}
    assert show(fold, "sales") == {"offered": 1, "waiting": 1}


def test_the_longest_wait_is_that_of_the_oldest_place(fold):
    assert fold.figures().queues["support"].longest_wait == 0.0
    Story(fold, "a02", since=95.0).queued()
    Story(fold, "a01", since=70.0).queued()
    assert fold.figures().queues["support"].longest_wait == 30.0


def test_a_second_end_changes_nothing(fold):
    Story(fold).queued().ended(Outcome.OVERFLOWED).ended(Outcome.FAILED)
    assert show(fold) == {"offered": 1, "overflowed": 1}


def test_agents_are_counted_by_their_state_also_after_they_were_started_again(fold):
    fold.apply(ev.AgentStateChanged(ADA, "voice", "signed_out", "available"))
    fold.apply(ev.AgentStateChanged(ADA, "voice", "signed_out", "idle", code="lunch"))
    fold.apply(ev.AgentStateChanged(AgentId("1009"), "voice", "signed_out", "available"))
    agents = fold.figures().agents
    assert {state: count for state, count in agents.items() if count} == {
        "signed_out": 1,
        "idle": 1,
        "available": 1,
    }


def test_wrap_up_and_crashes_are_counted(fold):
    fold.apply(ev.WrapUpEnded(ADA, ContactId("a01"), SUPPORT, lasted=7.0))
    fold.apply(ev.ActorCrashed("leg", "leg/a01/0", "ValueError"))
    assert fold.figures().wrap_up.sum == 7.0
    assert fold.figures().crashes == {"leg": 1}
