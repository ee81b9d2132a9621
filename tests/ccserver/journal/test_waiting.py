"""Waits held against what was expected of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors import events as ev
from actors.estimate import Estimate
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome, Refusal
from ccserver.journal.waiting import WaitingFold

SUPPORT, SALES = QueueName("support"), QueueName("sales")
REF = ev.ContactRef(ContactId("c1"))
EXPECTED = Estimate(60.0, 120.0)


def waits(estimate: Estimate | None = EXPECTED) -> WaitingFold:
    fold = WaitingFold([SUPPORT, SALES])
    fold.queued(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1), position=2, estimate=estimate))
    return fold


def connected(waited: float) -> ev.ContactConnected:
    return ev.ContactConnected(REF, SUPPORT, AgentId("1001"), LegId("l"), waited + 5.0, 5.0)


def counted(fold: WaitingFold) -> dict[str, int]:
    return {name: n for name, n in fold.figures().estimates["support"].items() if n}


@pytest.mark.parametrize(
    ("waited", "outcome", "error"),
    [
        (20.0, "within_p50", 40.0),
        (60.0, "within_p50", 0.0),
        (62.0, "within_p90", 2.0),
        (120.0, "within_p90", 60.0),
        (300.0, "beyond_p90", 240.0),
    ],
)
def test_an_answered_wait_is_held_against_what_was_expected(waited, outcome, error) -> None:
    fold = waits()
    fold.connected(connected(waited))
    fold.connected(connected(waited))
    assert counted(fold)[outcome] == 1
    assert fold.figures().error.sum == pytest.approx(error)


def test_what_nobody_expected_anything_of_is_unknown() -> None:
    fold = waits(None)
    fold.connected(connected(20.0))
    assert counted(fold) == {"unknown": 1}


@pytest.mark.parametrize(("waited", "counts"), [(119.0, {}), (122.0, {"beyond_p90": 1})])
def test_who_gives_up_proves_something_only_after_p90(waited, counts) -> None:
    for end in (
        ev.ContactEnded(REF, Outcome.ABANDONED, SUPPORT, waited=waited),
        ev.ContactDiverted(REF, SUPPORT, "waited", "queue:sales", True, waited),
    ):
        fold = waits()
        (fold.ended if isinstance(end, ev.ContactEnded) else fold.diverted)(end)
        assert counted(fold) == counts
        fold.ended(ev.ContactEnded(REF, Outcome.ABANDONED, SUPPORT, waited=waited))
        assert counted(fold) == counts


def test_who_comes_back_is_still_expected_what_he_was_at_first() -> None:
    fold = waits()
    fold.queued(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1), again=True))
    fold.connected(connected(20.0))
    assert counted(fold) == {"within_p50": 1}


def test_diversions_are_counted_by_their_condition() -> None:
    fold = waits()
    fold.diverted(ev.ContactDiverted(REF, SUPPORT, "closed", "message:a.wav", False))
    fold.diverted(ev.ContactDiverted(REF, SUPPORT, "closed", "busy:486", False))
    assert {k: n for k, n in fold.figures().diverted["support"].items() if n} == {"closed": 2}


def test_it_goes_on_where_another_run_stood() -> None:
    fold = waits()
    fold.diverted(ev.ContactDiverted(REF, SALES, "waiting", "busy:486", False))
    again = WaitingFold([SUPPORT, SALES])
    again.go_on(fold.saved())
    for each in (fold, again):
        each.connected(connected(62.0))
    assert again.figures() == fold.figures()


def test_assignments_from_outside_are_counted_by_what_came_of_them():
    """And what the rules give is not among them."""
    fold = WaitingFold([SUPPORT])
    decision = ev.Decision("assignment", Place(5, 0.0, 1), "everybody", {}, 0.0, 1, ())
    for by in ("router", None, "sue"):
        assigned = ev.ContactAssigned(
            *(ContactId("c1"), SUPPORT, AgentId("1001"), 0.0, 0.0), replace(decision, by=by)
        )
        fold.assigned(assigned)
    late = Refusal.CONTACT_NOT_WAITING
    who = (ContactId("c1"), QueueName(""), AgentId("1001"), "router")
    fold.assignment_refused(ev.AssignmentRefused(*who, late))

    assert fold.figures().assigned == {"support": {"given": 2}, "": {late: 1}}
    again = WaitingFold([SUPPORT])
    again.go_on(fold.saved())
    assert again.figures() == fold.figures()
