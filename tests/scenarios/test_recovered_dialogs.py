"""Where other servers lost recovered calls (S18), by the defect: CSeq too low, tags swapped, route
set reversed, transport changed, a held leg lost, a ringing one not recovered."""

from __future__ import annotations

import pytest
import trio

from actors import commands as c
from actors import events as ev
from ccserver.core.recovery import way_to_peer
from sip.dialog import CSEQ_JUMP, DialogSnapshot
from sip.message import Request, parse
from sip.transport.path import Path
from tests.scenarios.test_restart_calls import talking
from tests.support.restarting import mortal_centre

ROUTES = [("Record-Route", "<sip:near@10.0.1.77;lr>"), ("Record-Route", "<sip:far@10.0.1.78;lr>")]


def sent_to(floor, name: str, method: str) -> Request:
    """The server's last request of this method to this phone."""
    for datagram in reversed(floor.network.trace):
        message = parse(datagram.data)
        his = floor.network.names.get(datagram.to) == name
        if his and isinstance(message, Request) and message.method == method:
            return message
    raise AssertionError(f"no {method} to {name}")


async def test_the_cseq_rises_and_the_tags_stay_on_their_sides(autojump_clock) -> None:
    async with talking() as (floor, _, calls):
        for _ in range(2):
            await floor.restarts()
            await trio.sleep(5)
            for name in ("anna", "1001"):
                asked = sent_to(floor, name, "OPTIONS")
                call = calls[name]
                assert (asked.header("From"), asked.header("To")) == (call.remote, call.local)
                assert asked.call_id == call.call_id
                assert asked.cseq.number > CSEQ_JUMP
        await floor.does("1001", c.End())
        await calls["anna"].wait("ended")
        assert (
            sent_to(floor, "anna", "BYE").cseq.number
            > sent_to(floor, "anna", "OPTIONS").cseq.number
        )


async def test_route_sets_keep_their_order_on_both_sides(autojump_clock) -> None:
    async with mortal_centre() as floor:
        agent = await floor.agent("1001")
        anna = floor.phone("anna")
        call = anna.dials("2001", headers=ROUTES)
        await call.wait("talking")
        offered = await agent.rings()
        agent.answers(offered, headers=ROUTES)
        await offered.wait("talking")
        await floor.restarts()
        await trio.sleep(5)
        routes = [value for _, value in ROUTES]
        assert sent_to(floor, "anna", "OPTIONS").header_all("Route") == routes
        assert sent_to(floor, "1001", "OPTIONS").header_all("Route") == routes[::-1]


async def test_a_held_leg_is_held_and_can_be_resumed(autojump_clock) -> None:
    async with talking() as (floor, _, _):
        await floor.does("1001", c.Hold())
        await floor.restarts()
        assert floor.ears() == {"customer": {"music.wav"}, "1001": set()}
        await floor.does("1001", c.Resume())
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_who_was_connected_to_a_leg_that_is_not_known_is_not_left_alone(
    autojump_clock,
) -> None:
    async with talking() as (floor, _, calls):
        row = next(r for r in floor.disk.rows if r[2] == "leg.confirmed" and b'/1"' in r[3])
        await floor.is_killed()
        floor.disk.rows.remove(row)  # of the agent's phone
        await floor.comes_back()
        await trio.sleep(40)
        assert [e.reason for e in floor.of(ev.ContactReturned)] == ["local"]
        assert calls["anna"].state == "talking"
        assert len(floor.queue("support")) == 1


@pytest.mark.parametrize(
    ("target", "routes", "remote"),
    [
        ("sip:anna@10.0.1.9:5070;transport=tcp", (), ("10.0.1.9", 5070)),
        ("sip:anna@10.0.1.9;transport=tcp", (), ("10.0.1.9", 5060)),
        ("sip:anna@10.0.1.9:5070", ("<sip:10.0.1.77:5080;lr;transport=tcp>",), ("10.0.1.77", 5080)),
    ],
)
async def test_a_connection_is_opened_anew_to_where_the_peer_listens(
    autojump_clock, target, routes, remote
) -> None:
    """Over TCP as before, and not to the port that its old connection came from."""
    dialog = DialogSnapshot("x", "a", "b", "<sip:a>", "<sip:b>", target, routes, 1, None)
    came_by = Path("tcp", 1, ("10.0.1.9", 40123), 7)
    assert way_to_peer(came_by, dialog) == Path("tcp", 1, remote)
    behind_nat = Path("udp", 0, ("10.0.1.9", 40123))
    assert way_to_peer(behind_nat, dialog) == behind_nat
