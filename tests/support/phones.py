"""A phone in a few hundred lines: real SIP bytes, scripted, able to misbehave.

It shares the message layer with the server and nothing else: no transaction, no dialog of ours.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import trio

from sip.message import Request, Response, parse
from sip.message.digest import ha1, response
from tests.support.network import Address, Network

SERVER: Address = ("10.0.0.1", 5060)
REALM = "ccserver"
T1 = 0.5


def sdp(host: str, port: int, direction: str = "sendrecv", codec: int = 0) -> bytes:
    name = {0: "PCMU", 8: "PCMA"}[codec]
    family = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codec} 101\r\na=rtpmap:{codec} {name}/8000\r\n"
        f"a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    ).encode()


@dataclass
class Call:
    """One dialog, seen from the phone."""

    phone: Phone
    call_id: str
    local: str
    remote: str
    target: str
    incoming: bool
    state: str = "calling"
    invite: Request | None = None
    status: int | None = None
    cseq: int = 1
    branch: str = ""
    cancelled: bool = False
    heard_cseq: int = 0
    """The highest that the other side has used in the dialog."""
    changed: trio.Event = field(default_factory=trio.Event)

    def move(self, state: str) -> None:
        self.state = state
        self.changed.set()
        self.changed = trio.Event()

    async def wait(self, *states: str) -> Call:
        while self.state not in states:
            if self.state == "ended":
                raise AssertionError(f"{self.phone.name}: ended ({self.status}), wanted {states}")
            await self.changed.wait()
        return self


class Phone:
    """``rings`` says what an incoming call meets: a status to answer at once, or None: it rings."""

    def __init__(self, network: Network, name: str, address: Address) -> None:
        self.network, self.name, self.address = network, name, address
        self.calls: list[Call] = []
        self._by_id: dict[str, Call] = {}
        self._open: list[Call] = []
        self.heard: list[Request | Response] = []
        self.refuses: int | None = None
        self.silent = False
        self.believes: str | None = None
        self.acknowledges = True
        self.ignores: frozenset[str] = frozenset()
        """Methods that it does not answer."""
        self._numbers = count(1)
        self._responses: dict[tuple[str, str], trio.MemorySendChannel[Response]] = {}
        self._answered: dict[tuple[str, str], bytes] = {}
        self._forgotten: set[str] = set()
        self.disordered: list[Request] = []
        """What came with a CSeq that is too low."""
        self._arrivals: deque[Call] = deque()
        self._arrived = trio.Event()
        network.bind(address, self._receive, name)

    def open_calls(self) -> list[Call]:
        """Those that have not ended."""
        self._open = [call for call in self._open if call.state != "ended"]
        return self._open

    def _has(self, call: Call) -> None:
        self.calls.append(call)
        self._open.append(call)
        self._by_id[call.call_id] = call

    # --- what a person does -------------------------------------------------------------------

    async def registers(self, secret: str, *, expires: int = 300, user: str | None = None) -> int:
        """Status of the second try, after the challenge."""
        user = user or self.name
        call_id = f"reg-{self.address[0]}-{next(self._numbers)}"
        fields = self._fields(f"sip:{user}@{REALM}", f"sip:{user}@{REALM}", call_id, "REGISTER", 1)
        fields += [("Contact", f"<{self.uri}>"), ("Expires", str(expires))]
        first = await self._transact("REGISTER", f"sip:{REALM}", fields)
        if first.status != 401:
            return first.status
        challenge = first.header_all("WWW-Authenticate")[0]
        fields = [f if f[0] != "CSeq" else ("CSeq", "2 REGISTER") for f in fields]
        proof = authorize(challenge, user, secret, "REGISTER", f"sip:{REALM}")
        fields.append(("Authorization", proof))
        return (await self._transact("REGISTER", f"sip:{REALM}", fields)).status

    def dials(
        self,
        number: str,
        *,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Call:
        """An INVITE goes; ``call.wait("talking")`` waits for the answer."""
        call_id = f"call-{self.address[0]}-{next(self._numbers)}"
        local = f"<sip:{self.name}@{REALM}>;tag=t{next(self._numbers)}"
        target = f"sip:{number}@{SERVER[0]}:{SERVER[1]}"
        call = Call(self, call_id, local, f"<{target}>", target, incoming=False)
        self._has(call)
        call.branch = self._branch()
        fields = [
            ("Via", self._via(call.branch)),
            ("Max-Forwards", "70"),
            ("From", local),
            ("To", f"<{target}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<{self.uri}>"),
            *headers,
        ]
        offer = sdp(self.address[0], 40000) if body is None else body
        kind = "application/sdp" if offer else None
        call.invite = Request.build("INVITE", target, fields, offer, kind)
        self.network.nursery.start_soon(self._repeat, call.invite.encode(), call)
        return call

    async def calls_to(self, number: str) -> Call:
        """Dial and wait until we talk, to a person or to an announcement."""
        return await self.dials(number).wait("talking")

    async def rings(self) -> Call:
        """The next incoming call."""
        while not self._arrivals:
            await self._arrived.wait()
        return self._arrivals.popleft()

    def answers(self, call: Call, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        assert call.invite is not None
        body = sdp(self.address[0], 40002)
        ok = call.invite.response(
            200,
            to_tag=_tag(call.local),
            headers=[("Contact", f"<{self.uri}>"), *headers],
            body=body,
            content_type="application/sdp",
        )
        self.network.nursery.start_soon(self._repeat_ok, ok.encode(), call)

    def rejects(self, call: Call, status: int) -> None:
        assert call.invite is not None
        self._send(call.invite.response(status, to_tag=_tag(call.local)).encode())
        call.move("ended")

    def cancels(self, call: Call) -> None:
        """A 200 that crosses it is acknowledged, and ended with BYE."""
        assert call.invite is not None
        invite = call.invite
        call.cancelled = True
        fields = [(n, v) for n, v in _basic(invite) if n != "CSeq"]
        cancel = Request.build("CANCEL", invite.target, [*fields, ("CSeq", "1 CANCEL")])
        self.network.nursery.start_soon(self._fire, cancel)

    def hangs_up(self, call: Call) -> None:
        """BYE, or CANCEL while it is not answered."""
        if call.state == "calling":
            self.cancels(call)
            return
        call.move("ended")
        self.network.nursery.start_soon(self._fire, self.request_in(call, "BYE"))

    def forgets(self, call: Call) -> None:
        """As if it had been hung up without a word."""
        call.move("ended")
        self._forgotten.add(call.call_id)

    def loses_power(self) -> None:
        self.silent = True
        self.network.unbind(self.address)

    def request_in(
        self,
        call: Call,
        method: str,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Request:
        """A request in the dialog, ready to be sent."""
        call.cseq += 1
        fields = [
            ("Via", self._via(self._branch())),
            ("Max-Forwards", "70"),
            ("From", call.local),
            ("To", call.remote),
            ("Call-ID", call.call_id),
            ("CSeq", f"{call.cseq} {method}"),
            *headers,
        ]
        if method == "INVITE":
            fields.append(("Contact", f"<{self.uri}>"))
        return Request.build(method, call.target, fields, body, "application/sdp" if body else None)

    async def asks(self, request: Request) -> Response:
        """Send a request of ours, as often as needed, and wait for its final answer.

        That of a re-INVITE is acknowledged, as often as it comes.
        """
        return await self._exchange(request)

    # --- the wire -----------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """Where it believes to be: behind a NAT it is wrong."""
        return self.believes or f"sip:{self.name}@{self.address[0]}:{self.address[1]}"

    def send_raw(self, data: bytes) -> None:
        self._send(data)

    def _send(self, data: bytes) -> None:
        if not self.silent:
            self.network.carry(self.address, SERVER, data)

    def _branch(self) -> str:
        return f"z9hG4bK-{self.address[0]}-{next(self._numbers)}"

    def _via(self, branch: str) -> str:
        return f"SIP/2.0/UDP {self.address[0]}:{self.address[1]};branch={branch};rport"

    def _fields(
        self, from_: str, to: str, call_id: str, method: str, cseq: int
    ) -> list[tuple[str, str]]:
        return [
            ("Max-Forwards", "70"),
            ("From", f"<{from_}>;tag=r{call_id}"),
            ("To", f"<{to}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
        ]

    async def _transact(self, method: str, target: str, fields: list[tuple[str, str]]) -> Response:
        fields = [("Via", self._via(self._branch())), *fields]
        return await self._exchange(Request.build(method, target, fields))

    async def _exchange(self, request: Request) -> Response:
        send, receive = trio.open_memory_channel[Response](math.inf)
        self._responses[request.branch, request.method] = send
        pause = T1
        while True:
            self._send(request.encode())
            with trio.move_on_after(pause):
                while (answer := await receive.receive()).status < 200:
                    pass
                return answer
            pause = min(2 * pause, 4.0)
            if pause >= 4.0 and trio.current_time() > 100_000:
                raise AssertionError("no answer")

    async def _fire(self, request: Request) -> None:
        with trio.move_on_after(32):
            await self._exchange(request)

    async def _repeat(self, data: bytes, call: Call) -> None:
        """Timer A of the caller."""
        pause = T1
        while call.state == "calling" and call.status is None and pause < 64:
            self._send(data)
            await trio.sleep(pause)
            pause *= 2

    async def _repeat_ok(self, data: bytes, call: Call) -> None:
        pause = T1
        if call.state == "ended":
            return  # taken back as it was answered: it has got its 487
        call.move("answering")
        for _ in range(11):
            self._send(data)
            await trio.sleep(pause)
            pause = min(2 * pause, 4.0)
            if call.state != "answering":
                return

    def _receive(self, data: bytes, source: Address) -> None:
        message = parse(data)
        self.heard.append(message)
        if isinstance(message, Response):
            self._response(message)
        else:
            self._request(message)

    def _response(self, answer: Response) -> None:
        waiting = self._responses.get((answer.via.branch, answer.cseq.method))
        if waiting is not None:
            waiting.send_nowait(answer)
            if answer.cseq.method == "INVITE" and answer.status >= 200:
                self._send(self._ack_of_reinvite(answer).encode())
            return
        if answer.cseq.method != "INVITE":
            return
        call = self._by_id.get(answer.call_id)
        if call is not None and not call.incoming:
            self._invite_answered(call, answer)

    def _invite_answered(self, call: Call, answer: Response) -> None:
        assert call.invite is not None
        if call.status is not None and call.status >= 200 > answer.status:
            return  # overtaken by the final answer
        call.status = answer.status
        if answer.status < 200:
            return
        call.remote = answer.header("To") or ""
        if answer.status < 300:
            call.target = str(answer.contacts[0].uri)
            if self.acknowledges:
                self._send(self._ack(call).encode())
            if call.state == "calling":
                call.move("talking")
                if call.cancelled:
                    self.hangs_up(call)
            return
        fields = [(n, v) for n, v in _basic(call.invite) if n not in ("CSeq", "To")]
        ack = Request.build(
            "ACK", call.invite.target, [*fields, ("To", call.remote), ("CSeq", "1 ACK")]
        )
        self._send(ack.encode())
        call.move("ended")

    def _ack(self, call: Call) -> Request:
        fields = [
            ("Via", self._via(self._branch())),
            ("Max-Forwards", "70"),
            ("From", call.local),
            ("To", call.remote),
            ("Call-ID", call.call_id),
            ("CSeq", "1 ACK"),
        ]
        return Request.build("ACK", call.target, fields)

    def _ack_of_reinvite(self, answer: Response) -> Request:
        """With the branch of the INVITE if it was refused (RFC 3261 §17.1.1.3)."""
        via = self._via(answer.via.branch if answer.status >= 300 else self._branch())
        fields = [
            ("Via", via),
            ("Max-Forwards", "70"),
            *((name, answer.header(name) or "") for name in ("From", "To", "Call-ID")),
            ("CSeq", f"{answer.cseq.number} ACK"),
        ]
        return Request.build("ACK", f"sip:{SERVER[0]}:{SERVER[1]}", fields)

    def _request(self, request: Request) -> None:
        call = self._by_id.get(request.call_id)
        if request.method == "ACK":
            if call is not None and call.state == "answering":
                call.move("talking")
            return
        if request.method in self.ignores:
            return
        key = (request.branch, request.method)
        if key in self._answered:
            self._send(self._answered[key])
            return
        match request.method:
            case _ if self._out_of_order(request):
                self._reply(request, 500)
            case "INVITE" if request.to.tag is None:
                self._invited(request)
            case "CANCEL":
                self._was_cancelled(request)
            case "BYE":
                self._reply(request, 200)
                if call is not None:
                    call.move("ended")
            case _ if request.call_id in self._forgotten or self._is_of_no_call(request):
                self._reply(request, 481)
            case _:
                self._reply(request, 200)

    def _is_of_no_call(self, request: Request) -> bool:
        """In a dialog that it has not, or has no more (RFC 3261 §12.2.2)."""
        if request.to.tag is None:
            return False
        call = self._by_id.get(request.call_id)
        return call is None or call.state == "ended"

    def _out_of_order(self, request: Request) -> bool:
        """In its dialog (RFC 3261 §12.2.2)."""
        if request.method == "CANCEL":
            return False
        call = self._by_id.get(request.call_id)
        if call is not None and call.state != "ended":
            if request.to.tag is not None and request.cseq.number <= call.heard_cseq:
                self.disordered.append(request)
                return True
            call.heard_cseq = request.cseq.number
        return False

    def _reply(self, request: Request, status: int, tag: str | None = None) -> None:
        data = request.response(status, to_tag=tag).encode()
        self._answered[request.branch, request.method] = data
        self._send(data)

    def _invited(self, request: Request) -> None:
        known = self._by_id.get(request.call_id)
        if known is not None:  # again: our answer was lost, or is under way
            if known.state == "ringing":
                self._send(request.response(180, to_tag=_tag(known.local)).encode())
            return
        tag = f"t{next(self._numbers)}"
        local = f"{request.header('To')};tag={tag}"
        remote = request.header("From") or ""
        target = str(request.contacts[0].uri)
        call = Call(self, request.call_id, local, remote, target, incoming=True, cseq=0)
        call.invite, call.heard_cseq = request, request.cseq.number
        self._has(call)
        if self.refuses is not None:
            self.rejects(call, self.refuses)
            return
        call.move("ringing")
        self._send(request.response(180, to_tag=tag).encode())
        self._arrivals.append(call)
        self._arrived.set()
        self._arrived = trio.Event()

    def _was_cancelled(self, request: Request) -> None:
        self._reply(request, 200)
        call = self._by_id.get(request.call_id)
        if call is not None and call.state == "ringing":
            self.rejects(call, 487)


def authorize(challenge: str, user: str, secret: str, method: str, uri: str) -> str:
    """The Authorization value for the first of the server's challenges."""
    values = dict(
        part.strip().split("=", 1) for part in challenge.removeprefix("Digest ").split(",")
    )
    nonce, algorithm = values["nonce"].strip('"'), values["algorithm"]
    proof = response(
        algorithm,
        ha1(algorithm, user, REALM, secret),
        nonce,
        method,
        uri,
        nc="00000001",
        cnonce="c",
    )
    return (
        f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
        f'response="{proof}", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="c"'
    )


def _tag(address: str) -> str:
    return address.rpartition(";tag=")[2]


def _basic(request: Request) -> list[tuple[str, str]]:
    names = ("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq")
    return [(name, request.header(name) or "") for name in names]
