"""What an earlier version wrote is read as this one would have written it."""

from __future__ import annotations

import msgspec
import pytest

from actors import events as ev
from actors.routing.grammar import parse
from ccserver.journal import codec
from ccserver.journal.migrations import upgraded

OF_THE_FIRST_VERSION = b"""{
  "event": "contact.assigned", "contact": "c1", "queue": "support", "agent": "1001",
  "possible_at": 10.0, "decided_at": 10.5,
  "decision": {
    "on": "contact", "place": {"priority": 5, "since": 10.0, "seq": 7},
    "requirements": [
      {"skill": "billing", "proficiency": 1}, {"skill": "english", "proficiency": 6}
    ],
    "skills": {"english": 8, "billing": 3}, "agent_since": 3.0, "agent_seq": 2,
    "candidates": [
      {"id": "1001", "verdict": "chosen", "since": 3.0, "seq": 2},
      {"id": "1002", "verdict": "later", "since": 4.0, "seq": 3, "tried": true}
    ],
    "rule": "priority, longest waiting; longest available"
  }
}"""


def test_a_decision_of_the_first_version_says_what_it_said() -> None:
    assigned = codec.decode(OF_THE_FIRST_VERSION)
    assert isinstance(assigned, ev.ContactAssigned)
    decision = assigned.decision
    assert decision.needs == "billing >= 1 and english >= 6"
    assert parse(decision.needs)
    assert [(c.id, c.rank, c.tried) for c in decision.candidates] == [
        ("1001", (0.0, 3.0, 2.0), False),
        ("1002", (0.0, 4.0, 3.0), True),
    ]
    assert codec.decode(codec.encode(assigned)) == assigned


def test_what_has_the_shape_of_today_is_left_alone() -> None:
    assert upgraded(codec.encode(codec.decode(OF_THE_FIRST_VERSION))) is None
    assert upgraded(codec.encode(ev.ServerStopped())) is None


@pytest.mark.parametrize("payload", [b'{"event":"server.flew"}', b"{", b"[]", b'{"event":7}'])
def test_what_was_never_an_event_is_none(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.decode(payload)


def test_events_of_the_first_version_without_todays_fields_are_read() -> None:
    started = codec.decode(b'{"event":"server.started","version":"0.1.0","epoch":"e"}')
    assert started == ev.ServerStarted("0.1.0", "e")
    gone = codec.decode(
        b'{"event":"phone.registered","agent":"1","contact_uri":"sip:1@h","transport":"udp",'
        b'"expires":3.0}'
    )
    assert isinstance(gone, ev.PhoneRegistered)
    assert gone.binding is None
