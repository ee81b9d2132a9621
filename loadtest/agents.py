"""The agents: their phones register, ring, and do what was drawn for each call."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import trio

from loadtest import agent as a
from loadtest import registration as r
from loadtest.audio_port import AudioPort
from loadtest.customers import CustomerCall, Customers
from loadtest.line import Leg, Line
from loadtest.scenario.model import Scenario
from loadtest.scenario.values import Dice
from loadtest.tally import Tally
from sip import invite_usage as usage
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import MalformedMessage, Request
from sip.offer_answer import Negotiated
from sip.sdp import SdpError
from sip.usage_messages import ResponseReceived, UsageMessage


class Phone:
    """An agent's phone.  ``index`` is what {n} stands for."""

    def __init__(self, agents: Agents, index: int, user: str, registration: r.Registration) -> None:
        self._agents = agents
        self.index, self.user = index, user
        self.machine, self.registration = a.AgentPhone(), registration
        self.call_id, self.tag = agents.line.name(), agents.line.name()
        self.cseq = itertools.count(1)
        self.call: OfferedCall | None = None
        self.caller = ""
        """The number of who rings, or talks."""
        self.customer: CustomerCall | None = None
        self.asked_at = 0.0
        """When the registration that is under way was meant to begin."""
        self.freed_at: float | None = None
        """When he became free, if callers waited and nobody else was free."""
        self.registered = self.known = False
        """Now, and ever."""

    def hear(self, message: a.Message) -> None:
        for effect in self.machine.handle(message):
            self._agents.perform(self, effect)

    def hear_registrar(self, message: r.Message) -> None:
        for effect in self.registration.handle(message):
            self._agents.perform_registration(self, effect)


class OfferedCall:
    """What has come to a phone: it tells the phone, for as long as that has not hung it up."""

    def __init__(self, agents: Agents, phone: Phone, leg: Leg) -> None:
        self._agents, self._phone, self.leg = agents, phone, leg

    def call_answered(self) -> None:
        """It came from there: nobody answers it but us."""

    def call_ended(self, cause: usage.EndCause) -> None:
        self._agents.audio.close(self)
        phone = self._phone
        if phone.call is self:
            phone.call = phone.customer = None
            self._agents.hung_up(phone)
            phone.hear(a.CallEnded())

    def audio_agreed(self, audio: Negotiated) -> None:
        self._agents.audio.agree(self, audio)


class Agents:
    def __init__(
        self,
        scenario: Scenario,
        customers: Customers,
        audio: AudioPort,
        tally: Tally,
        dice: Dice,
    ) -> None:
        self._scenario, self._settings = scenario, scenario.agents
        self._customers, self.audio = customers, audio
        self._tally, self._dice = tally, dice
        self.phones: dict[str, Phone] = {}
        self.answered: Callable[[Phone], None] = lambda phone: None
        self.hung_up: Callable[[Phone], None] = lambda phone: None
        self.changed = trio.Event()
        self._serving: dict[CustomerCall, list[Phone]] = {}
        self._free: set[Phone] = set()
        """Who waits for a call."""

    def sit_down(self, line: Line) -> None:
        """Make the phones, on this line."""
        self.line = line
        settings = self._settings
        for index in range(settings.first, settings.first + settings.count):
            user = settings.user.format(n=index)
            secret = settings.secret.format(n=index)
            registration = r.Registration(
                user, secret, f"sip:{line.domain}", settings.expires_seconds, f"{index:08x}"
            )
            self.phones[user] = Phone(self, index, user, registration)

    async def register(self) -> None:
        """All, at the scenario's rate; each goes on to register by itself."""
        begin = trio.current_time()
        for place, phone in enumerate(self.phones.values()):
            phone.asked_at = begin + place / self._settings.register_rate
            await trio.sleep_until(phone.asked_at)
            phone.hear_registrar(r.Register())

    async def wait_registered(self) -> None:
        while not all(phone.registered for phone in self.phones.values()):
            await self.changed.wait()

    async def sign_out(self) -> None:
        """End all calls, and then the registrations."""
        for phone in self.phones.values():
            phone.hear(a.Finish())
        if not self._settings.registers:
            return
        begin = trio.current_time()
        for place, phone in enumerate(self.phones.values()):
            await trio.sleep_until(begin + place / self._settings.register_rate)
            phone.hear_registrar(r.Unregister())
        while any(phone.registered for phone in self.phones.values()):
            await self.changed.wait()

    def states(self) -> dict[str, int]:
        """How many agents are ``free``, ``ringing``, ``talking``, ``away``."""
        counts = {"free": 0, "ringing": 0, "talking": 0, "away": 0}
        for phone in self.phones.values():
            name = type(phone.machine.state).__name__.lower()
            counts[name] = counts.get(name, 0) + 1
        return counts

    def rings(self, leg: Leg, request: Request) -> None:
        """An INVITE for one of the phones."""
        phone = self.phones.get(request.uri.user or "")
        if phone is None:
            leg.hang_up(404)
            return
        busy = phone.call
        phone.call = OfferedCall(self, phone, leg)
        if busy is None:
            leg.owner = phone.call
            phone.caller = _caller_of(request)
            try:
                leg.describe(request.body)
            except SdpError as error:
                leg.hang_up(error.status)
                return
        phone.hear(a.Rung(self._draw()))
        if busy is not None:
            phone.call = busy

    def _rung(self, phone: Phone) -> None:
        now = trio.current_time()
        self._free.discard(phone)
        came = now if self.line.heard_at is None else self.line.heard_at
        if phone.freed_at is not None:
            self._tally.took("offer", phone.freed_at, max(phone.freed_at, came))
            phone.freed_at = None
        phone.customer = self._customers.ringing_for(phone.caller, came)
        if phone.customer is not None:
            self._serving.setdefault(phone.customer, []).append(phone)
        self._tally.offers["offered"] += 1

    def customer_gone(self, call: CustomerCall) -> None:
        for phone in self._serving.pop(call, ()):
            if phone.customer is call:
                phone.hear(a.CustomerGone())

    def perform(self, phone: Phone, effect: a.Effect) -> None:
        leg = phone.call.leg if phone.call is not None else None
        match effect:
            case a.Ring():
                assert leg is not None
                self._rung(phone)
                state = phone.machine.state
                if isinstance(state, a.Ringing) and state.offer.does == "ignore":
                    self._tally.offers["ignored"] += 1
                leg.ring()
            case a.Answer():
                assert leg is not None
                self._tally.offers["answered"] += 1
                leg.accept()
                if phone.customer is not None:
                    self._customers.agent_answered(phone.customer)
                self.answered(phone)
            case a.HangUp():
                assert leg is not None
                phone.call = phone.customer = None
                self.hung_up(phone)
                leg.hang_up()
            case a.Reject(status):
                assert leg is not None
                self._tally.offers["rejected"] += 1
                leg.hang_up(status or self._settings.reject_status)
            case a.Decline(status):
                assert leg is not None
                self._tally.offers["declined"] += 1
                leg.hang_up(status)
            case a.BecameFree():
                wanted = self._customers.in_line > 0 and not self._free
                phone.freed_at = trio.current_time() if wanted else None
                self._free.add(phone)
            case a.GoIdle():
                self._go_idle(phone)
            case a.ComeBack():
                self._come_back(phone)
            case StartTimer(name, seconds):
                fire = partial(phone.hear, TimerFired(name))
                self.line.keyed_timers.arm((phone.user, name), seconds, fire)
            case CancelTimer(name):
                self.line.keyed_timers.cancel((phone.user, name))

    def _draw(self) -> a.OfferPlan:
        settings, dice = self._settings, self._dice
        point = dice.random()
        does = "answer"
        for name, share in (
            ("ignore", settings.ignores),
            ("reject", settings.rejects),
            ("hang_up", settings.hangs_up),
        ):
            if point < share:
                does = name
                break
            point -= share
        away = settings.idle.draw(dice) if dice.random() < settings.goes_idle else None
        if does in ("ignore", "reject") and away is None and settings.dial_available is not None:
            away = settings.idle.draw(dice)  # the server made him idle: he has to come back
        after = settings.answer_after.draw(dice)
        return a.OfferPlan(does, after, settings.talk.draw(dice), away)

    # --- availability and registrations -------------------------------------------------------

    def _go_idle(self, phone: Phone) -> None:
        if self._settings.idle_by == "unregister":
            phone.hear_registrar(r.Unregister())
        elif self._settings.dial_idle is not None:
            self._dial(phone, self._settings.dial_idle)

    def _come_back(self, phone: Phone) -> None:
        if self._settings.idle_by == "unregister":
            phone.asked_at = trio.current_time()
            phone.hear_registrar(r.Register())
        elif self._settings.dial_available is not None:
            self._dial(phone, self._settings.dial_available)

    def _dial(self, phone: Phone, code: str) -> None:
        secret = self._settings.secret.format(n=phone.index)
        FeatureCall(self.line, phone.user, secret, code)

    def perform_registration(self, phone: Phone, effect: r.Effect) -> None:
        match effect:
            case r.SendRegister(expires, proof):
                self.line.ask("register", self._request(phone, expires, proof), _hear(phone))
            case r.Registered():
                self._tally.registered += not phone.registered
                self._tally.took("register", phone.asked_at, trio.current_time())
                first, phone.registered, phone.known = not phone.registered, True, True
                if first and isinstance(phone.machine.state, a.Free):
                    self._free.add(phone)
                if first and self._settings.dial_available is not None:
                    self._dial(phone, self._settings.dial_available)
                self._say_changed()
            case r.Failed(status):
                self._tally.registrations_failed[str(status or "no answer")] += 1
                self._say_changed()
            case r.Ended():
                self._tally.registered -= phone.registered
                phone.registered = False
                self._say_changed()
            case StartTimer(name, seconds):
                due = trio.current_time() + seconds

                def fire() -> None:
                    phone.asked_at = due
                    phone.hear_registrar(TimerFired(name))

                self.line.keyed_timers.arm((phone.user, "registration", name), seconds, fire)
            case CancelTimer(name):
                self.line.keyed_timers.cancel((phone.user, "registration", name))

    def _say_changed(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    def _request(self, phone: Phone, expires: int, proof: tuple[str, str] | None) -> Request:
        address = f"<sip:{phone.user}@{self.line.domain}>"
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"{address};tag={phone.tag}"),
            ("To", address),
            ("Call-ID", phone.call_id),
            ("CSeq", f"{next(phone.cseq)} REGISTER"),
            ("Contact", self.line.contact(phone.user)),
            ("Expires", str(expires)),
        ]
        if proof is not None:
            fields.append(proof)
        return Request.build("REGISTER", f"sip:{self.line.domain}", fields)


class FeatureCall:
    """A number dialled for its effect: proved if that is asked, and hung up when answered."""

    def __init__(self, line: Line, user: str, secret: str, code: str) -> None:
        self._line, self._user, self._secret, self._code = line, user, secret, code
        self._proved = False
        self._leg = line.dial(code, user, self)

    def call_answered(self) -> None:
        self._leg.hang_up()

    def call_ended(self, cause: usage.EndCause) -> None:
        challenge = self._leg.challenge
        if challenge is None or self._proved:
            return
        self._proved = True
        name, asked = challenge
        uri = f"sip:{self._code}@{self._line.far}"
        proof = r.prove(asked, self._user, self._secret, "INVITE", uri, self._line.name())
        if proof is not None:
            self._leg = self._line.dial(self._code, self._user, self, [(name, proof)])

    def audio_agreed(self, audio: Negotiated) -> None:
        """Nothing is said in it."""


def _hear(phone: Phone) -> Callable[[UsageMessage], None]:
    def hear(message: UsageMessage) -> None:
        if not isinstance(message, ResponseReceived):
            phone.hear_registrar(r.Unanswered())
            return
        response = message.response
        if response.status < 200:
            return
        asked = "Proxy-Authenticate" if response.status == 407 else "WWW-Authenticate"
        phone.hear_registrar(r.Answered(response.status, response.header(asked)))

    return hear


def _caller_of(request: Request) -> str:
    """The caller's number, as the server tells it."""
    try:
        return request.from_.uri.user or ""
    except MalformedMessage:
        return ""
