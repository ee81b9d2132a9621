"""The endpoint: what it absorbs, refuses, hands on, and gives up (RFC 3261 §8.2, §9, §18.4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
import trio

from sip.endpoint import Endpoint
from sip.message import Request, parse
from sip.timer_shell import TimerShell
from sip.transport.listeners import Listeners
from sip.transport.path import Path
from sip.usage_messages import (
    AckReceived,
    Cancelled,
    NoAck,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    ServerKey,
    TransportLost,
    UsageMessage,
)
from tests.support.builders import make_request

UDP = Path("udp", 0, ("192.0.2.1", 5060))
TCP = Path("tcp", 1, ("192.0.2.1", 5060), 7)
BUSY = b"SIP/2.0 503 Service Unavailable\r\n\r\n"


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self, kind: str, sent: list[bytes]) -> None:
        self.kind, self.local, self._sent = kind, ("192.0.2.9", 5060), sent

    def path_to(self, host: str, port: int) -> Path:
        raise AssertionError("no path is asked for")

    def send(self, data: bytes, path: Path) -> None:
        self._sent.append(data)

    async def run(self, receive, failed) -> None:
        await trio.sleep_forever()


class World:
    """The endpoint's user, and both ends of its wire."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.arrived: list[Request] = []
        self.told: list[UsageMessage] = []
        self.full = self.broken = False
        self.timers = TimerShell()
        listeners = Listeners([Wire("udp", self.sent), Wire("tcp", self.sent)])
        tags = iter(range(10_000))
        self.turns = False
        """Whether it is known when all that follows from a message has been done: ``turn_ends``."""
        self.turn_ends: list[Callable[[], None]] = []
        self.late: list[ServerKey] = []
        """Whom a 100 was said to in a turn of its own."""
        self.endpoint = Endpoint(
            listeners,
            self.timers,
            self,
            lambda: f"t{next(tags)}",
            at_end=self.at_end,
            turn=self.turn,
        )

    def at_end(self, act: Callable[[], None]) -> bool:
        if self.turns:
            self.turn_ends.append(act)
        return self.turns

    def turn(self, say: Callable[[ServerKey], None], key: ServerKey) -> None:
        self.late.append(key)
        say(key)

    def request_arrived(self, key, request, path) -> None:
        if self.broken:
            raise RuntimeError("planted")
        self.arrived.append(request)
        self.endpoint.respond(key, request.response(200, to_tag=key.tag))

    def refuse(self, data, path) -> bytes | None:
        return BUSY if self.full else None

    def hears(self, request: Request, path: Path = UDP) -> list[int]:
        """The statuses that go at once."""
        before = len(self.sent)
        self.endpoint.receive(request.encode(), path)
        return [parse(data).status for data in self.sent[before:]]


@asynccontextmanager
async def world():
    """Afterwards no transaction and no timer is left."""
    made = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.timers.run)
        yield made
        await trio.sleep(200)
        figures = made.endpoint.statistics()
        assert (figures.server_transactions, figures.client_transactions) == (0, 0)
        assert len(made.timers) == 0
        nursery.cancel_scope.cancel()


async def test_a_retransmission_is_absorbed_before_it_is_parsed(
    autojump_clock, monkeypatch
) -> None:
    async with world() as w:
        request = make_request("OPTIONS")
        assert w.hears(request) == [200]
        with monkeypatch.context() as patch:
            patch.setattr("sip.endpoint.parse", None)
            assert w.hears(request) == [200]
        assert w.sent[0] == w.sent[1]
        figures = w.endpoint.statistics()
        assert (figures.retransmissions, figures.requests) == (1, {"OPTIONS": 1})


async def test_a_request_that_comes_by_two_ways_is_merged(autojump_clock) -> None:
    async with world() as w:
        assert w.hears(make_request("OPTIONS")) == [200]
        assert w.hears(make_request("OPTIONS", branch="z9hG4bKanother")) == [482]
        await trio.sleep(200)
        assert w.hears(make_request("OPTIONS", branch="z9hG4bKlater")) == [200]


@pytest.mark.parametrize(
    ("request_", "status", "header"),
    [
        (make_request("PUBLISH"), 405, "Allow"),
        (make_request("OPTIONS", "mailto:bob"), 416, None),
        (make_request("OPTIONS", extra=[("Require", "a, b")]), 420, "Unsupported"),
        (make_request("BYE", to_tag="gone"), 481, None),
        (make_request("INFO", to_tag="gone"), 481, None),
        (make_request("BYE"), 481, None),
        (make_request("CANCEL"), 481, None),
    ],
    ids=lambda value: getattr(value, "method", value),
)
async def test_what_is_none_of_the_users_affair_is_refused(
    autojump_clock, request_, status, header
) -> None:
    async with world() as w:
        assert w.hears(request_) == [status]
        if header is not None:
            assert parse(w.sent[0]).header(header)
        assert w.arrived == []


async def test_only_an_invite_may_be_refused_on_its_bytes(autojump_clock, monkeypatch) -> None:
    async with world() as w:
        w.full = True
        with monkeypatch.context() as patch:
            patch.setattr("sip.endpoint.parse", None)
            w.endpoint.receive(make_request("INVITE").encode(), UDP)
        assert w.sent == [BUSY]
        assert w.endpoint.statistics().refused == 1
        assert w.hears(make_request("OPTIONS")) == [200]


async def test_a_user_that_breaks_costs_one_request(autojump_clock, caplog) -> None:
    async with world() as w:
        w.broken = True
        assert w.hears(make_request("REGISTER")) == [500]
        w.broken = False
        assert w.hears(make_request("REGISTER", branch="z9hG4bKnext", number=2)) == [200]
    assert "planted" in caplog.text


async def test_a_request_goes_down_with_its_connection_and_no_other(autojump_clock) -> None:
    async with world() as w:
        request = Request.build(
            "OPTIONS", "sip:a@192.0.2.1", [("Call-ID", "c"), ("CSeq", "1 OPTIONS")]
        )
        w.endpoint.request("by tcp", request, TCP, w.told.append)
        w.endpoint.request("by udp", request, UDP, w.told.append)
        w.endpoint.connection_closed(TCP)
        assert w.told == [TransportLost("by tcp")]
        w.endpoint.connection_closed(TCP)
        assert len(w.told) == 1


async def test_an_invite_is_cancelled_once_something_has_been_heard(autojump_clock) -> None:
    """§9.1"""
    async with world() as w:
        fields = [
            ("From", "<sip:us@192.0.2.9>;tag=o"),
            ("To", "<sip:a@192.0.2.1>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
        ]
        invite = Request.build("INVITE", "sip:a@192.0.2.1", fields)
        key = w.endpoint.request("invite", invite, UDP, w.told.append)
        w.endpoint.cancel(key)
        assert [parse(data).method for data in w.sent] == ["INVITE"]
        gone = parse(w.sent[0])
        w.endpoint.receive(gone.response(180, to_tag="x").encode(), UDP)
        cancel = parse(w.sent[1])
        assert (cancel.method, cancel.branch) == ("CANCEL", gone.branch)
        w.endpoint.receive(cancel.response(200, to_tag="x").encode(), UDP)
        w.endpoint.receive(gone.response(487, to_tag="x").encode(), UDP)
        assert [m.response.status for m in w.told if isinstance(m, ResponseReceived)] == [180, 487]


async def test_a_cancelled_invite_that_is_never_answered_is_forgotten(autojump_clock) -> None:
    """§9.1"""
    async with world() as w:
        fields = [
            ("From", "<sip:us@192.0.2.9>;tag=o"),
            ("To", "<sip:a@192.0.2.1>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
        ]
        invite = Request.build("INVITE", "sip:a@192.0.2.1", fields)
        key = w.endpoint.request("invite", invite, UDP, w.told.append)
        w.endpoint.receive(parse(w.sent[0]).response(180, to_tag="x").encode(), UDP)
        w.endpoint.cancel(key)
        await trio.sleep(31.9)
        assert w.endpoint.statistics().client_transactions == 2, "with the CANCEL"
        await trio.sleep(0.2)
        assert w.endpoint.statistics().client_transactions == 0
        assert w.told[-1] == RequestTimedOut("invite")


# --- their INVITE, and its owner ------------------------------------------------------------------

KEY = ServerKey("z9hG4bK74bf9", "192.0.2.1:5060", "INVITE", "t0")


@asynccontextmanager
async def invited():
    """An INVITE that has an owner and no answer."""
    async with world() as w:
        w.request_arrived = lambda key, request, path: w.endpoint.claim(key, w.told.append)
        assert w.hears(make_request()) == [100]
        yield w
        w.endpoint.respond(KEY, make_request().response(480, to_tag=KEY.tag))


@pytest.mark.parametrize("answer", [None, 180, 200, 486])
async def test_an_invite_gets_a_100_when_its_turn_ends_unless_it_has_been_answered(
    autojump_clock, answer
) -> None:
    async with world() as w:
        w.turns = True
        w.request_arrived = lambda key, request, path: None
        assert w.hears(make_request()) == []
        if answer is not None:
            w.endpoint.respond(KEY, make_request().response(answer, to_tag=KEY.tag))
        for end in w.turn_ends:
            end()
        assert [parse(data).status for data in w.sent] == [answer or 100]
        w.endpoint.respond(KEY, make_request().response(480, to_tag=KEY.tag))


async def test_a_100_that_was_said_late_can_be_said_again_in_its_own_turn(autojump_clock) -> None:
    sent = []
    for replays in (False, True):
        async with world() as w:
            w.turns = True
            w.request_arrived = lambda key, request, path: None
            w.hears(make_request())
            if replays:
                w.endpoint.say_trying(KEY)
            else:
                w.turn_ends[0]()
                assert w.late == [KEY]
            sent.append(w.sent[:])
            w.endpoint.respond(KEY, make_request().response(480, to_tag=KEY.tag))
    assert parse(sent[0][0]).status == 100
    assert sent[0] == sent[1]


async def test_a_retransmission_that_a_proxy_has_touched_is_one_still(autojump_clock) -> None:
    async with invited() as w:
        w.endpoint.receive(make_request().encode().replace(b": 70", b": 69"), UDP)
        assert [parse(data).status for data in w.sent] == [100, 100]
        assert w.endpoint.statistics().retransmissions == 1


@pytest.mark.parametrize("answer", [180, 486])
async def test_a_cancel_is_told_unless_it_crosses_the_answer(autojump_clock, answer) -> None:
    async with invited() as w:
        w.endpoint.respond(KEY, make_request().response(answer, to_tag=KEY.tag))
        assert w.hears(make_request("CANCEL")) == [200]
        assert w.told == ([Cancelled(KEY)] if answer < 200 else [])


async def test_a_refusal_that_nobody_acknowledges_is_told_t04(autojump_clock) -> None:
    async with invited() as w:
        w.endpoint.respond(KEY, make_request().response(486, to_tag=KEY.tag))
        await trio.sleep(31.9)
        assert w.told == []
        await trio.sleep(0.2)
        assert w.told == [NoAck(KEY)]


async def test_a_dialog_hears_what_is_sent_in_it_until_it_is_detached(autojump_clock) -> None:
    async with world() as w:
        invite = make_request()
        w.endpoint.attach(invite.call_id, "ours", w.told.append)
        info = make_request("INFO", to_tag="ours", number=2, branch="z9hG4bK2")
        assert w.hears(info) == []
        assert w.hears(make_request("ACK", to_tag="ours", branch="z9hG4bK3")) == []
        assert [type(told) for told in w.told] == [RequestReceived, AckReceived]
        assert isinstance(w.told[0], RequestReceived)
        w.endpoint.respond(w.told[0].key, info.response(200))
        w.endpoint.detach(invite.call_id, "ours")
        later = make_request("INFO", to_tag="ours", number=3, branch="z9hG4bK4")
        assert w.hears(later) == [481]
