"""What the door answers to questions."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from tests.support.centre import centre
from tests.support.door import Knocker


async def test_everything_that_is_asked_is_answered(autojump_clock):
    directory = [{"name": "Night desk", "number": "4711"}]
    async with trio.open_nursery() as nursery, centre(directory=directory) as c:
        door = Knocker(c.core.door, nursery)
        ada = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        await ada.rings()

        status = await door.asks("status")
        agents = (await door.asks("agents"))["agents"]
        queues = (await door.asks("queues"))["queues"]
        (contact,) = (await door.asks("contacts"))["contacts"]
        whole = await door.asks("centre")

        assert (status["contacts"], status["registrations"]) == (1, 1)
        assert agents[0]["id"] == "1001"
        assert (agents[0]["team"], agents[0]["skills"]) == ("main", {"english": 8})
        assert agents[0]["state"] == "reserved"
        assert queues[0]["name"] == "support"
        assert queues[0]["being_offered"] == 1
        assert (contact["state"], contact["agent"]) == ("being_offered", "1001")
        assert whole["teams"] == [{"name": "main", "agents": ["1001", "1002", "1003"]}]
        assert whole["directory"][0]["number"] == "4711"
        for part in ("entry_points", "trunks", "teams", "directory", "idle_codes"):
            assert (await door.asks(part))[part] == whole[part]
        assert "secret" not in str(whole)
        nursery.cancel_scope.cancel()


async def test_a_contact_is_shown_with_its_state_and_all_that_happened_to_it(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        anna, bert = c.phone("anna"), c.phone("bert")
        call = await anna.calls_to("2001")
        await trio.sleep(1)
        await bert.calls_to("2001")
        await trio.sleep(5)
        name = c.of(ev.ContactArrived)[0].contact.id

        living = await door.asks("contact", contact=name)
        anna.hangs_up(call)
        await trio.sleep(1)
        over = await door.asks("contact", contact=name)

        assert living["state"]["state"] == "waiting"
        assert over["state"] is None
        told = [entry["event"]["event"] for entry in over["timeline"]]
        assert (told[0], told[-1]) == ("contact.arrived", "contact.ended")
        assert c.of(ev.ContactArrived)[1].contact.id not in str(over)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["nobody", "a0" + "0" * 24, "%", "'; DROP TABLE journal; --", ""])
async def test_a_contact_that_never_was_is_unknown(autojump_clock, name):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)

        assert (await door.asks("contact", contact=name))["refused"] == "UNKNOWN_CONTACT"
        nursery.cancel_scope.cancel()


async def test_the_journal_is_read_page_by_page(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        await c.agent("1001")
        last = c.core.journal.last_seq

        first = await door.asks("journal", limit=2)
        rest = await door.asks("journal", after=first["entries"][-1]["seq"])

        seqs = [entry["seq"] for entry in first["entries"] + rest["entries"]]
        assert seqs == list(range(1, last + 1))
        assert rest["last"] == last
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("op", "args", "field"),
    [
        ("contact", {}, "contact"),
        ("contact", {"contact": 7}, "contact"),
        ("journal", {"after": "x"}, "after"),
        ("journal", {"limit": -1}, "limit"),
        ("journal", {"limit": True}, "limit"),
    ],
)
async def test_a_question_with_a_wrong_argument_is_refused_with_its_name(
    autojump_clock, op, args, field
):
    async with trio.open_nursery() as nursery, centre() as c:
        answer = await Knocker(c.core.door, nursery).asks(op, **args)

        assert (answer["refused"], answer["field"]) == ("BAD_REQUEST", field)
        nursery.cancel_scope.cancel()
