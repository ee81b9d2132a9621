"""The door's connections: what is no request, who does not listen, and too many at once."""

from __future__ import annotations

import pytest
import trio

from actors.commands import Principal
from ccserver.core.door.server import MOST_CONNECTIONS
from ccserver.door import LONGEST_LINE
from tests.support.centre import centre
from tests.support.door import Knocker


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[]",
        b"{}",
        b'{"op": 7}',
        b'{"op": "status", "expect": "x"}',
        b'{"op": "status", "principal": {"user": "x", "role": "king"}}',
        b'{"op": "status", "args": []}',
        b"\xff\xfe",
        b"[" * 40_000,
    ],
)
async def test_what_is_no_request_is_refused_and_the_next_is_answered(autojump_clock, line):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)

        await door.says(line + b"\n")
        refused = await door.hears()

        assert refused["refused"] == "BAD_REQUEST"
        assert "expected" in refused["detail"]
        assert (await door.asks("status"))["ok"]
        nursery.cancel_scope.cancel()


async def test_an_unknown_operation_is_named(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        answer = await Knocker(c.core.door, nursery).asks("contact.explode")

        assert answer["refused"] == "UNKNOWN_COMMAND"
        assert "contact.explode" in answer["detail"]
        nursery.cancel_scope.cancel()


async def test_a_line_without_an_end_ends_its_connection_alone(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door, other = Knocker(c.core.door, nursery), Knocker(c.core.door, nursery)

        await door.says(b"x" * (LONGEST_LINE + 1))

        assert (await door.hears())["refused"] == "BAD_REQUEST"
        assert await door.hears() == {}
        assert (await other.asks("status"))["ok"]
        nursery.cancel_scope.cancel()


async def test_several_requests_in_one_breath_are_all_answered(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)

        await door.says(b'{"op":"status","id":"a"}\n{"op":"centre","id":"b"}\n{"op":"stat')
        await door.says(b'us","id":"c"}\n')

        assert {(await door.hears())["id"] for _ in range(3)} == {"a", "b", "c"}
        nursery.cancel_scope.cancel()


async def test_who_leaves_before_his_answer_harms_nobody(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        leaver, other = Knocker(c.core.door, nursery), Knocker(c.core.door, nursery)

        await leaver.says(b'{"op":"contact","args":{"contact":"x"}}\n')
        await leaver.stream.aclose()
        await trio.sleep(1)

        assert (await other.asks("status"))["ok"]
        nursery.cancel_scope.cancel()


async def test_one_connection_too_many_is_closed_and_the_others_are_served(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        first, *_ = [Knocker(c.core.door, nursery) for _ in range(MOST_CONNECTIONS)]
        await trio.sleep(0.1)

        late = Knocker(c.core.door, nursery)

        assert await late.hears() == {}
        assert (await first.asks("status"))["ok"]
        await first.stream.aclose()
        await trio.sleep(0.1)
        assert (await Knocker(c.core.door, nursery).asks("status"))["ok"]
        nursery.cancel_scope.cancel()


async def test_text_that_is_no_unicode_can_be_answered_all_the_same(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        await c.phone("anna\udcff").calls_to("2001")

        contacts = (await door.asks("contacts"))["contacts"]

        assert "\udcff" not in contacts[0]["ani"]
        nursery.cancel_scope.cancel()


async def test_what_the_auditor_found_is_a_figure_and_how_long_ago_he_looked(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        assert c.core.metrics.snapshot().audit.ago is None

        assert (await door.asks("audit.standing", seq=7, found=2))["ok"]
        await trio.sleep(5)

        figures = c.core.metrics.snapshot().audit
        assert (figures.found, round(figures.ago)) == (2, 5)
        refused = await door.asks("audit.standing", seq=7, found=-1)
        assert (refused["refused"], refused["field"]) == ("BAD_REQUEST", "found")
        nursery.cancel_scope.cancel()


async def test_only_processes_of_the_server_say_what_is_figures(autojump_clock):
    by = Principal("ada", "administrator")
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)

        for op in ("audit.standing", "store.progress"):
            said = await door.asks(op, by=by, found=9, failures=9)
            assert said["refused"] == "NOT_PERMITTED"

        assert c.core.metrics.snapshot().audit.found == 0
        nursery.cancel_scope.cancel()
