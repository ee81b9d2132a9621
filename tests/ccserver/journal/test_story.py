"""What happened to a contact, in words."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.estimate import Estimate
from actors.ids import ContactId, QueueName
from actors.place import Place
from ccserver.journal.log import Entry
from ccserver.journal.story import told

SUPPORT = QueueName("support")
REF = ev.ContactRef(ContactId("c1"))
PLACE = Place(5, 100.0, 7)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            ev.ContactQueued(REF, SUPPORT, PLACE),
            "waits in support (priority 5)",
        ),
        (
            ev.ContactQueued(REF, SUPPORT, PLACE, again=True),
            "waits in support (priority 5) again, at the place it had",
        ),
        (
            ev.ContactQueued(
                REF,
                SUPPORT,
                PLACE,
                position=3,
                estimate=Estimate(61.4, 150.0),
                regained=ContactId("c0"),
            ),
            "waits in support (priority 5), number 3 in line, at the place that it had as c0, "
            "expected 61 to 150 s",
        ),
        (
            ev.ContactQueued(REF, SUPPORT, PLACE, position=1, estimate=Estimate(0.0, 0.0)),
            "waits in support (priority 5), number 1 in line, an agent is free",
        ),
        (
            ev.ContactDiverted(REF, SUPPORT, "closed", "busy:486", False),
            "sent at the door of support to busy 486: closed",
        ),
        (
            ev.ContactDiverted(
                *(REF, SUPPORT, "no_agents", "queue:sales", True, 61.0, ev.QueueFigures(4, 0, 0))
            ),
            "sent from support to queue sales: no_agents, 0 signed in",
        ),
        (
            ev.ContactDiverted(REF, SUPPORT, "waited", "message:sorry.wav", False, 300.0),
            "sent from support to message sorry.wav: waited, 300 s",
        ),
        (
            ev.ContactAnnounced(REF, SUPPORT, ("en/next.wav",), 1),
            "is told: en/next.wav",
        ),
    ],
)
def test_each_step_has_its_words(event, words) -> None:
    line = told(Entry(4, 9, event), ContactId("c1"))
    assert line is not None
    assert (line.seq, line.at, line.text) == (4, 9, words)


def test_what_is_anothers_is_no_line_of_it() -> None:
    assert told(Entry(4, 9, ev.ContactQueued(REF, SUPPORT, PLACE)), ContactId("c2")) is None
