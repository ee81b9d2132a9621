"""The endpoint: datagrams in, transactions driven, datagrams out.

It knows requests, responses and dialogs' names, and no contact centre.  Whoever sends a request,
or owns a dialog, is told through the function it gave (``hear``).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from sip import capabilities
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import MalformedMessage, Request, Response, parse
from sip.timer_shell import Lingering, TimerShell
from sip.timers import Timer
from sip.transaction import ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite, Timers
from sip.transaction import effects as tx
from sip.transaction.client_invite import Proceeding
from sip.transaction.matching import cancel_for, request_branch
from sip.transaction.server_invite import Accepted
from sip.transport.listeners import Listeners
from sip.transport.path import Path
from sip.transport.udp import Receive
from sip.usage_messages import (
    AckReceived,
    Cancelled,
    ClientKey,
    NoAck,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    ServerKey,
    TransportLost,
    UsageMessage,
)

log = logging.getLogger(__name__)

Hear: TypeAlias = Callable[[UsageMessage], None]


class EndpointUser(Protocol):
    """Who answers what belongs to no dialog yet."""

    def request_arrived(self, key: ServerKey, request: Request, path: Path) -> None:
        """A new request outside any dialog: answer it with ``Endpoint.respond``, now or later."""

    def refuse(self, data: bytes, path: Path) -> bytes | None:
        """Decide about an INVITE on its bytes: the answer that refuses it, or None to go on."""


class EndpointStatistics(Struct, frozen=True):
    requests: dict[str, int]
    """Received, by method; unknown methods under ``other``."""
    responses: dict[str, int]
    """Sent, by class: ``2xx``."""
    retransmissions: int
    malformed: int
    refused: int
    server_transactions: int
    client_transactions: int


class _Server:
    """A server transaction, where its responses go, and who owns it."""

    __slots__ = ("data", "hear", "key", "machine", "merged", "path", "timer")

    def __init__(
        self, key: ServerKey, machine: ServerInvite | ServerNonInvite, path: Path, data: bytes
    ) -> None:
        self.key, self.machine, self.path, self.data = key, machine, path, data
        self.hear: Hear | None = None
        self.timer: Timer | None = None
        self.merged: tuple[str, str, int, str] | None = None


class _Client:
    """A client transaction, and who is told of its outcome."""

    __slots__ = (
        "cancel_when_heard",
        "hear",
        "heard",
        "key",
        "machine",
        "path",
        "reason",
        "timer",
        "token",
    )

    def __init__(
        self,
        key: ClientKey,
        machine: ClientInvite | ClientNonInvite,
        path: Path,
        token: str,
        hear: Hear,
    ) -> None:
        self.key, self.machine, self.path = key, machine, path
        self.token, self.hear = token, hear
        self.heard = self.cancel_when_heard = False
        self.reason: str | None = None
        self.timer: Timer | None = None


_Transaction: TypeAlias = _Server | _Client


class Endpoint:
    """``tags`` makes the names no other process makes: branches and dialog tags.

    ``at_end`` has a function called when all that follows from a message has been done; False:
    that will not be known.  An INVITE that is answered by then needs no 100 (§17.2.1).  If it does,
    ``turn(say, key)`` calls ``say(key)``, and may remember it, for ``say_trying``.
    """

    def __init__(
        self,
        listeners: Listeners,
        timers: TimerShell,
        user: EndpointUser,
        tags: Callable[[], str],
        *,
        values: Timers | None = None,
        at_end: Callable[[Callable[[], None]], bool] = lambda act: False,
        turn: Callable[[Callable[[ServerKey], None], ServerKey], None] = lambda say, key: say(key),
    ) -> None:
        self._listeners, self._timer_shell, self._user, self._tags = listeners, timers, user, tags
        self._values, self._at_end, self._turn = values or Timers(), at_end, turn
        self._servers: dict[tuple[str, str, str], _Server] = {}
        self._by_data: dict[bytes, _Server] = {}
        self._merged: dict[tuple[str, str, int, str], ServerKey] = {}
        self._clients: dict[ClientKey, _Client] = {}
        self._lingering: Lingering[_Transaction] = Lingering(timers, self._forget)
        self._dialogs: dict[tuple[str, str], Hear] = {}
        self._requests: Counter[str] = Counter()
        self._responses: Counter[int] = Counter()
        self._retransmissions = self._malformed = self._refused = 0

    async def run(
        self, receive: Receive | None = None, failed: Callable[[Path], None] | None = None
    ) -> None:
        """``receive`` is called with each message, and calls ours; so is ``failed``, with the way
        that was lost, and calls ``connection_closed``.
        """
        lost = failed or self.connection_closed
        await self._listeners.run(receive or self.receive, lambda path, data: lost(path))

    # --- for the user -------------------------------------------------------------------------

    def attach(self, call_id: str, local_tag: str, hear: Hear) -> None:
        """Requests with this Call-ID and To tag, and ACKs for 2xx, go to ``hear``."""
        self._dialogs[call_id, local_tag] = hear

    def detach(self, call_id: str, local_tag: str) -> None:
        self._dialogs.pop((call_id, local_tag), None)

    def claim(self, key: ServerKey, hear: Hear) -> None:
        """CANCEL and a missing ACK of this INVITE are told to ``hear``."""
        server = self._servers.get((key.branch, key.sent_by, key.method))
        if server is not None:
            server.hear = hear

    def new_branch(self) -> str:
        """For a request that is yet to be sent."""
        return f"z9hG4bK{self._tags()}"

    def request(
        self, token: str, request: Request, path: Path, hear: Hear, branch: str | None = None
    ) -> ClientKey:
        """Start a client transaction for a request without Via; its outcome bears ``token``.

        ``branch``: of ``new_branch``, where it must be known before the request leaves.
        """
        key = ClientKey(branch or self.new_branch(), request.method)
        stamped = request.with_via(self._via(path, key.branch))
        make = ClientInvite if request.method == "INVITE" else ClientNonInvite
        machine = make(stamped, reliable=path.reliable, timers=self._values)
        client = self._clients[key] = _Client(key, machine, path, token, hear)
        self._drive(client, machine.start())
        return key

    def cancel(self, key: ClientKey, reason: str | None = None) -> None:
        """CANCEL an INVITE: now if a provisional response has come, else when it comes (§9.1).

        ``reason`` is the value of a Reason header (RFC 3326).
        """
        client = self._clients.get(key)
        if client is None or not isinstance(client.machine, ClientInvite):
            return
        if not client.heard:
            client.cancel_when_heard = True
            client.reason = reason
            return
        invite = client.machine.pending
        if invite is None:
            return  # it has been answered for good
        request = cancel_for(invite, reason)
        cancel_key = ClientKey(key.branch, "CANCEL")
        machine = ClientNonInvite(request, reliable=client.path.reliable, timers=self._values)
        cancelling = _Client(cancel_key, machine, client.path, "", _hear_nothing)
        self._clients[cancel_key] = cancelling
        self._drive(client, client.machine.handle(tx.CancelSent()))
        self._drive(cancelling, machine.start())

    # --- what another run of the server began --------------------------------------------------

    def resume_invite(
        self, token: str, branch: str, request: Request, path: Path, hear: Hear
    ) -> ClientKey:
        """Its INVITE, without Via, went by this branch and may be answered yet.

        It has been received, for all we know: it can be cancelled, and is not sent again.
        """
        key = ClientKey(branch, request.method)
        stamped = request.with_via(self._via(path, branch))
        machine = ClientInvite(stamped, reliable=path.reliable, timers=self._values)
        machine.state = Proceeding(stamped)
        client = self._clients[key] = _Client(key, machine, path, token, hear)
        client.heard = True
        return key

    def resume_server(self, key: ServerKey, request: Request, path: Path) -> None:
        """An INVITE that it received, and may not have answered: ``respond`` answers it."""
        self._remember(request, key, path, request.encode())

    def respond(self, key: ServerKey, response: Response) -> None:
        """Through its transaction; an answer to one that has gone is dropped."""
        server = self._servers.get((key.branch, key.sent_by, key.method))
        if server is not None:
            self._responses[response.status // 100] += 1
            self._drive(server, server.machine.handle(tx.Respond(response)))

    def send(self, request: Request, path: Path) -> None:
        """Outside any transaction: an ACK for a 2xx, with a Via of its own."""
        stamped = request.with_via(self._via(path, f"z9hG4bK{self._tags()}"))
        self._listeners.send(stamped.encode(), path)

    def resend(self, key: ServerKey, response: Response) -> None:
        """A 2xx again, the way its responses go."""
        server = self._servers.get((key.branch, key.sent_by, key.method))
        if server is not None:
            self._listeners.send(response.encode(), server.path)

    @property
    def transactions(self) -> int:
        """How many there are; each lingers for half a minute when all has been said."""
        return len(self._servers) + len(self._clients)

    def statistics(self) -> EndpointStatistics:
        return EndpointStatistics(
            dict(self._requests),
            {f"{number}xx": count for number, count in self._responses.items()},
            self._retransmissions,
            self._malformed,
            self._refused,
            len(self._servers),
            len(self._clients),
        )

    # --- from the transports ------------------------------------------------------------------

    def receive(self, data: bytes, path: Path) -> None:
        """One datagram, or one message of a stream.  Never raises."""
        try:
            if data.startswith(b"SIP/2.0 "):
                self._response(data)
            elif (known := self._by_data.get(data)) is not None and known.path.remote[0] == (
                path.remote[0]
            ):
                # A retransmission is the same bytes: absorbed before anything is built.
                self._retransmissions += 1
                self._drive(known, known.machine.handle(tx.RequestRetransmitted()))
            elif data.startswith(b"INVITE ") and (answer := self._user.refuse(data, path)):
                self._refused += 1
                self._responses[5] += 1
                self._listeners.send(answer, path)
            elif data.strip(b"\r\n\0 "):
                self._request(data, path)
        except MalformedMessage as error:
            self._malformed += 1
            answer = error.answer(path.remote)
            if answer is not None:
                self._responses[error.status // 100] += 1
                self._listeners.send(answer, path)
        except Exception:
            log.exception("a message from %s could not be handled", path.remote)

    def _request(self, data: bytes, path: Path) -> None:
        request = parse(data)
        if isinstance(request, Response):
            return
        method = request.method
        self._requests[method if method in capabilities.METHODS else "other"] += 1
        request.stamp_received(*path.remote)
        branch = request_branch(request)
        sent_by = request.sent_by
        if method == "ACK":
            self._ack(request, branch, sent_by)
            return
        known = self._servers.get((branch, sent_by, method))
        if known is not None:
            self._retransmissions += 1
            self._drive(known, known.machine.handle(tx.RequestRetransmitted()))
            return
        invite = self._servers.get((branch, sent_by, "INVITE")) if method == "CANCEL" else None
        tag = request.to.tag or (invite.key.tag if invite is not None else self._tags())
        server = self._remember(request, ServerKey(branch, sent_by, method, tag), path, data)
        try:
            if method == "CANCEL":
                self._cancelled(server, request, invite)
            else:
                self._new_request(server, request, path)
        except MalformedMessage as error:
            self._malformed += 1
            self.respond(server.key, request.response(error.status, error.reason, to_tag=tag))
        except Exception:
            log.exception("%s from %s could not be handled", method, path.remote)
            self.respond(server.key, request.response(500, to_tag=tag))

    def _remember(self, request: Request, key: ServerKey, path: Path, data: bytes) -> _Server:
        make = ServerInvite if key.method == "INVITE" else ServerNonInvite
        machine = make(reliable=path.reliable, timers=self._values)
        server = _Server(key, machine, _response_path(request, path), data)
        self._servers[key.branch, key.sent_by, key.method] = server
        self._by_data[data] = server
        return server

    def _new_request(self, server: _Server, request: Request, path: Path) -> None:
        key, method, tag = server.key, request.method, server.key.tag
        if request.to.tag is None:
            merged = (request.call_id, request.from_.tag or "", request.cseq.number, method)
            if merged in self._merged:  # §8.2.2.2: it has reached us by another way already
                self.respond(key, request.response(482, to_tag=tag))
                return
            server.merged = merged
            self._merged[merged] = key
        if method not in capabilities.METHODS:
            self._refuse(key, request, 405, [("Allow", capabilities.ALLOW)])
        elif request.uri.scheme not in ("sip", "sips", "tel"):
            self._refuse(key, request, 416)
        elif "Require" in request.fields and (unknown := _unknown_extensions(request)):
            self._refuse(key, request, 420, [("Unsupported", ", ".join(unknown))])
        elif request.to.tag is not None and method != "REGISTER":
            hear = self._dialogs.get((request.call_id, request.to.tag))
            if hear is None:
                self._refuse(key, request, 481)
                return
            if method == "INVITE":
                self._try(server, request)
            server.hear = hear
            hear(RequestReceived(key, request, path))
        elif method == "OPTIONS":
            headers = [("Allow", capabilities.ALLOW), ("Accept", capabilities.SDP)]
            self.respond(key, request.response(200, to_tag=tag, headers=headers))
        elif method in ("BYE", "UPDATE", "INFO"):
            self._refuse(key, request, 481)
        else:
            if method == "INVITE":
                self._try(server, request)
            self._user.request_arrived(key, request, path)

    def _try(self, server: _Server, request: Request) -> None:
        """Say that it is being worked on, unless that needs no time."""
        if not self._at_end(partial(self._try_late, server, request)):
            self._say_trying(request, server.key)

    def _try_late(self, server: _Server, request: Request) -> None:
        if isinstance(server.machine, ServerInvite) and server.machine.silent:
            self._turn(partial(self._say_trying, request), server.key)

    def say_trying(self, key: ServerKey) -> None:
        """As ``turn`` was told to, in the run that is replayed."""
        server = self._servers[key.branch, key.sent_by, key.method]
        request = parse(server.data)
        assert isinstance(request, Request)
        request.stamp_received(*server.path.remote)
        self._say_trying(request, key)

    def _say_trying(self, request: Request, key: ServerKey) -> None:
        """With our tag, which §8.2.6.2 permits and some peers need."""
        self.respond(key, request.response(100, to_tag=key.tag))

    def _refuse(
        self,
        key: ServerKey,
        request: Request,
        status: int,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        self.respond(key, request.response(status, to_tag=key.tag, headers=headers or ()))

    def _ack(self, request: Request, branch: str, sent_by: str) -> None:
        server = self._servers.get((branch, sent_by, "INVITE"))
        machine = server.machine if server is not None else None
        if (
            server is not None
            and isinstance(machine, ServerInvite)
            and not isinstance(machine.state, Accepted)
        ):
            # Of a non-2xx: it has the INVITE's branch (§17.1.1.3).  So has the ACK of a 2xx when
            # an RFC 2543 phone sends it; that one is the dialog's.
            self._drive(server, machine.handle(tx.AckReceived()))
            return
        hear = self._dialogs.get((request.call_id, request.to.tag or ""))
        if hear is not None:
            hear(AckReceived(request))

    def _cancelled(self, server: _Server, request: Request, invite: _Server | None) -> None:
        if invite is None or not isinstance(invite.machine, ServerInvite):
            self._refuse(server.key, request, 481)
            return
        self.respond(server.key, request.response(200, to_tag=invite.key.tag))
        if not invite.machine.answered and invite.hear is not None:
            invite.hear(Cancelled(invite.key))

    def _response(self, data: bytes) -> None:
        response = parse(data)
        if isinstance(response, Request):
            return
        client = self._clients.get(ClientKey(response.branch, response.cseq.method))
        if client is None:
            return
        client.heard = True
        self._drive(client, client.machine.handle(response))
        if client.cancel_when_heard:
            client.cancel_when_heard = False
            if response.status < 200:
                self.cancel(client.key, client.reason)

    def connection_closed(self, path: Path) -> None:
        """Requests of ours that went by it and have no answer are lost with it (§18.4)."""
        way = path.listener, path.remote
        for client in list(self._clients.values()):
            if (client.path.listener, client.path.remote) == way:
                self._drive(client, client.machine.handle(tx.TransportFailed()))

    # --- effects ------------------------------------------------------------------------------

    def _drive(self, transaction: _Transaction, effects: Sequence[object]) -> None:
        for effect in effects:
            _CARRIED_OUT[type(effect)](self, transaction, effect)

    def _transmit(self, transaction: _Transaction, effect: tx.Transmit) -> None:
        self._listeners.send(effect.data, transaction.path)

    def _start_timer(self, transaction: _Transaction, effect: StartTimer) -> None:
        self._cancel_timer(transaction)
        fire = partial(self._fired, transaction, TimerFired(effect.name))
        transaction.timer = self._timer_shell.arm(effect.seconds, fire)

    def _fired(self, transaction: _Transaction, fired: TimerFired) -> None:
        transaction.timer = None
        self._drive(transaction, transaction.machine.handle(fired))

    def _cancel_timer(self, transaction: _Transaction, _: object = None) -> None:
        if transaction.timer is not None:
            self._timer_shell.cancel(transaction.timer)
            transaction.timer = None

    def _linger(self, transaction: _Transaction, effect: tx.Linger) -> None:
        self._cancel_timer(transaction)
        self._lingering.keep(transaction, effect.seconds)

    def _stop(self, transaction: _Transaction, _: Stop) -> None:
        self._cancel_timer(transaction)
        self._forget(transaction)

    def _forget(self, transaction: _Transaction) -> None:
        if isinstance(transaction, _Client):
            self._clients.pop(transaction.key, None)
            return
        key = transaction.key
        self._servers.pop((key.branch, key.sent_by, key.method), None)
        self._by_data.pop(transaction.data, None)
        if transaction.merged is not None:
            self._merged.pop(transaction.merged, None)

    def _pass_up(self, client: _Client, effect: tx.PassUp) -> None:
        client.hear(ResponseReceived(client.token, effect.response))

    def _timed_out(self, client: _Client, _: tx.TimedOut) -> None:
        client.hear(RequestTimedOut(client.token))

    def _transport_lost(self, client: _Client, _: tx.TransportLost) -> None:
        client.hear(TransportLost(client.token))

    def _no_ack(self, server: _Server, _: tx.NoAck) -> None:
        if server.hear is not None:
            server.hear(NoAck(server.key))

    def _via(self, path: Path, branch: str) -> str:
        return f"{self._listeners.via(path)};branch={branch};rport"


_CARRIED_OUT: Mapping[type, Callable[[Endpoint, Any, Any], None]] = {
    tx.Transmit: Endpoint._transmit,
    StartTimer: Endpoint._start_timer,
    CancelTimer: Endpoint._cancel_timer,
    tx.Linger: Endpoint._linger,
    Stop: Endpoint._stop,
    tx.PassUp: Endpoint._pass_up,
    tx.TimedOut: Endpoint._timed_out,
    tx.TransportLost: Endpoint._transport_lost,
    tx.NoAck: Endpoint._no_ack,
}
"""What a transaction asks for, by its type."""


def _response_path(request: Request, path: Path) -> Path:
    """Where responses go: RFC 3261 §18.2.2 and RFC 3581 §4."""
    port = None if path.reliable else request.answer_port
    if port is None or port == path.remote[1]:
        return path
    return Path("udp", path.listener, (path.remote[0], port))


def _unknown_extensions(request: Request) -> list[str]:
    """What it requires of us in vain (§8.2.2.3)."""
    return [tag for tag in request.tokens("Require") if tag not in capabilities.EXTENSIONS]


def _hear_nothing(message: UsageMessage) -> None:
    """The answer to a CANCEL says nothing that the INVITE's own answer does not."""
