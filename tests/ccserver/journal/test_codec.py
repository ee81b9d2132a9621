"""Every event goes to bytes and comes back the same."""

from __future__ import annotations

from typing import get_args

import msgspec
import orjson
import pytest

from actors.events import AgentStateChanged, AnyEvent, ContactQueued, ContactRef
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
from ccserver.journal import codec

QUEUED = ContactQueued(
    ContactRef(ContactId("a01")),
    QueueName("support"),
    Place(5, 12.5, 3),
    "english >= 4",
    again=True,
)


def test_an_event_comes_back_as_it_was():
    assert codec.decode(codec.encode(QUEUED)) == QUEUED


def test_any_json_reader_can_read_it():
    assert orjson.loads(codec.encode(QUEUED)) == {
        "event": "contact.queued",
        "contact": {"id": "a01"},
        "queue": "support",
        "place": {"priority": 5, "since": 12.5, "seq": 3},
        "needs": "english >= 4",
        "again": True,
    }


def test_each_kind_of_event_has_a_tag_of_its_own():
    tags = [kind.__struct_config__.tag for kind in get_args(AnyEvent)]
    assert len(tags) == len(set(tags))
    assert all(thing and what for thing, _, what in (tag.partition(".") for tag in tags))


def test_the_tag_is_what_the_payload_says():
    event = AgentStateChanged(AgentId("1001"), "voice", "available", "reserved")
    assert codec.tag_of(event) == orjson.loads(codec.encode(event))["event"]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"event":"contact.flew"}', b"\xff", b"[1]"])
def test_what_is_no_event_is_an_error(payload):
    with pytest.raises(msgspec.DecodeError):
        codec.decode(payload)
