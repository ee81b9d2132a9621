"""The callers: plans are drawn, machines driven, and what happens to them counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import trio

from loadtest import caller as c
from loadtest.arrivals import Arrival
from loadtest.audio_port import AudioPort
from loadtest.line import Leg, Line
from loadtest.registration import prove
from loadtest.scenario.model import CallerKind, Scenario
from loadtest.scenario.values import Dice
from loadtest.tally import Tally
from sip import invite_usage as usage
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.offer_answer import Negotiated


class CustomerCall:
    """One caller with his phone; `intended` is when he was meant to dial."""

    __slots__ = (
        "_customers",
        "dial",
        "intended",
        "leg",
        "machine",
        "measured",
        "number",
        "proved",
        "rung",
        "served",
    )

    def __init__(
        self, customers: Customers, plan: c.CallPlan, number: str, intended: float, measured: bool
    ) -> None:
        self._customers, self.number, self.dial = customers, number, plan.dial
        self.intended, self.measured = intended, measured
        self.machine = c.Caller(plan)
        self.leg: Leg | None = None
        self.proved = False
        self.rung = self.served = False
        """Whether an agent's phone has rung for him, and whether an agent has answered."""

    def hear(self, message: c.Message) -> None:
        for effect in self.machine.handle(message):
            self._customers.perform(self, effect)

    def call_answered(self) -> None:
        self.hear(c.Answered())

    def call_ended(self, cause: usage.EndCause) -> None:
        if not self._customers.proves(self):
            self.hear(c.Ended(cause.kind, cause.status))

    def audio_agreed(self, audio: Negotiated) -> None:
        self._customers.audio.agree(self, audio)


class Customers:
    def __init__(
        self, scenario: Scenario, line: Line, audio: AudioPort, tally: Tally, dice: Dice
    ) -> None:
        self._scenario, self._line, self.audio = scenario, line, audio
        self._tally, self._dice = tally, dice
        self._kinds = scenario.callers.kinds
        self._weights = list(itertools.accumulate(kind.share for kind in self._kinds))
        self._numbers = itertools.count(1)
        self._alive: dict[CustomerCall, None] = {}
        self._by_number: dict[str, CustomerCall] = {}
        self._headers = {
            kind.dial: tuple(kind.headers.items()) for kind in self._kinds if kind.headers
        }
        self._in_line: dict[str, dict[CustomerCall, None]] = {}
        """By what was dialled: who was answered by the server, and has not been rung for."""
        self.gone: Callable[[CustomerCall], None] = lambda call: None
        """Told whenever one has gone."""

    def __len__(self) -> int:
        return len(self._alive)

    @property
    def in_line(self) -> int:
        """Callers for whom no agent's phone has rung yet."""
        return sum(map(len, self._in_line.values()))

    def arrive(self, arrival: Arrival, intended: float, measured: bool) -> None:
        """One call more, now: how late that is, is counted."""
        kind = self._draw(arrival.number)
        if len(self._alive) >= self._scenario.callers.most_at_once:
            self._tally.call_not_started(intended, measured)
            return
        plan = c.CallPlan(
            dial=arrival.number or kind.dial,
            patience=kind.patience.draw(self._dice),
            talk=kind.talk.draw(self._dice),
            waits_for_agent=self._scenario.waits_for_agents,
            keys=kind.keys,
        )
        number = self._scenario.callers.number.format(n=next(self._numbers))
        call = CustomerCall(self, plan, number, intended, measured)
        self._alive[call] = None
        self._by_number[number] = call
        self._tally.call_started(intended, trio.current_time())
        call.hear(c.Start())

    def ringing_for(self, number: str, came: float) -> CustomerCall | None:
        """An agent's phone rings for this caller; None: nobody of ours has this number.

        ``came``: when its INVITE did.
        """
        call = self._by_number.get(number)
        if call is None or call.rung:
            return call
        call.rung = True
        now = trio.current_time()
        self._tally.took("ring", call.intended, now, call.measured)
        if call.leg is not None and call.leg.invited_at is not None:
            self._tally.took("wire", call.leg.invited_at, came, call.measured)
        self._tally.rung += 1
        line = self._in_line.get(call.dial)
        if line is not None and call in line:
            self._tally.overtaken += next(iter(line)) is not call
            del line[call]
        return call

    def agent_answered(self, call: CustomerCall) -> None:
        call.hear(c.AgentAnswered())

    def finish(self) -> None:
        """All hang up."""
        for call in list(self._alive):
            call.hear(c.Finish())

    def give_up(self, outcome: str) -> None:
        """Whoever is still there, though all hung up, will not be waited for."""
        for call in self._alive:
            self._tally.call_gone(trio.current_time(), outcome, None, call.measured)
        self._alive.clear()
        self._by_number.clear()

    def proves(self, call: CustomerCall) -> bool:
        """Whether a challenge ended the call's first try, and it was dialled again with a proof."""
        user, secret = self._scenario.callers.user, self._scenario.callers.secret
        challenge = call.leg.challenge if call.leg is not None else None
        if challenge is None or user is None or secret is None or call.proved:
            return False
        if not isinstance(call.machine.state, c.Dialling):
            return False  # race: he had hung up
        call.proved = True
        name, asked = challenge
        uri = f"sip:{call.dial}@{self._line.far}"
        proof = prove(asked, user, secret, "INVITE", uri, self._line.name())
        if proof is None:
            return False
        headers = (*self._headers.get(call.dial, ()), (name, proof))
        call.leg = self._line.dial(call.dial, call.number, call, headers)
        return True

    def perform(self, call: CustomerCall, effect: c.Effect) -> None:
        match effect:
            case c.Dial():
                headers = self._headers.get(call.dial, ())
                call.leg = self._line.dial(call.dial, call.number, call, headers)
            case c.HangUp():
                # Race: who is rung for while this BYE and its 200 are under way passes nobody.
                self._in_line.get(call.dial, {}).pop(call, None)
                assert call.leg is not None
                call.leg.hang_up()
            case StartTimer(name, seconds):
                fire = partial(call.hear, TimerFired(name))
                self._line.keyed_timers.arm((call, name), seconds, fire)
            case CancelTimer(name):
                self._line.keyed_timers.cancel((call, name))
            case c.SetUp():
                now = trio.current_time()
                self._tally.took("setup", call.intended, now, call.measured)
                self._tally.call_answered(now)
                if call.machine.plan.waits_for_agent and not call.rung:
                    self._in_line.setdefault(call.dial, {})[call] = None
            case c.Connected():
                now = trio.current_time()
                if call.machine.plan.waits_for_agent:
                    self._tally.took("agent", call.intended, now, call.measured)
                self._tally.call_connected(now)
            case c.PressKeys(keys):
                self.audio.press(call, keys)
            case c.Gone(outcome, status):
                self._tally.call_gone(trio.current_time(), outcome, status, call.measured)
                self._in_line.get(call.dial, {}).pop(call, None)
                self._alive.pop(call, None)
                if self._by_number.get(call.number) is call:
                    del self._by_number[call.number]
                self.audio.close(call)
                self.gone(call)

    def _draw(self, dialled: str | None) -> CallerKind:
        """A kind by its share; of a recording, the one that dials this number, if there is one."""
        for kind in self._kinds:
            if kind.dial == dialled:
                return kind
        point = self._dice.random() * self._weights[-1]
        for kind, upto in zip(self._kinds, self._weights, strict=True):
            if point < upto:
                return kind
        return self._kinds[-1]
