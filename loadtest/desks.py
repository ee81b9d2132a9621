"""The agents' desktops: consults, transfers and conferences by share, through the REST API."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from typing import Any, Protocol

import trio
from msgspec import Struct

from loadtest import desk as d
from loadtest.agents import Phone
from loadtest.scenario.model import Api
from loadtest.scenario.values import Dice
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.timer_shell import KeyedTimers

MOST_ASKED = 10_000
"""Requests that wait; more are given up."""


class Reply(Struct, frozen=True):
    """``refused`` None: it was done."""

    body: dict[str, Any]
    refused: str | None = None


class ApiClient(Protocol):
    """Speaks for one agent after the other, each signed in under his own account."""

    async def sign_in(self, number: int) -> str | None:
        """The agent with this number; why he cannot, None: he can."""

    async def find(self, number: int, user: str) -> str | None:
        """The contact that this agent is in."""

    async def command(self, number: int, contact: str, op: str, body: dict[str, Any]) -> Reply: ...


class Desks:
    def __init__(self, api: Api, client: ApiClient, dice: Dice) -> None:
        self._api, self._client, self._dice = api, client, dice
        self._send, self._receive = trio.open_memory_channel[tuple[str, d.Effect]](MOST_ASKED)
        self._busy: dict[str, tuple[Phone, d.Desk]] = {}
        self._signed_in: set[int] = set()
        self._names = itertools.count(1)
        self._timers: KeyedTimers | None = None
        self._by_phone: dict[Phone, str] = {}
        self.outcomes: Counter[str] = Counter()
        self.not_signed_in: Counter[str] = Counter()
        """Agents who could not, by reason."""

    async def sign_in(self, phones: list[Phone]) -> None:
        """One after the other: a password costs the server a tenth of a second."""
        for phone in phones:
            refusal = await self._client.sign_in(phone.index)
            if refusal is None:
                self._signed_in.add(phone.index)
            else:
                self.not_signed_in[refusal] += 1

    def answered(self, phone: Phone, timers: KeyedTimers) -> None:
        """He has answered a call: perhaps he does something with it.

        Only the first agent of each caller does, or those consulted would consult for ever.
        """
        customer = phone.customer
        if customer is None or customer.served:
            return
        customer.served = True
        does = self._draw()
        if does is None or phone.index not in self._signed_in:
            return
        name = f"desk {next(self._names)}"
        self._timers = timers
        self._by_phone[phone] = name
        pause = self._api.after.draw(self._dice)
        self._busy[name] = (phone, d.Desk(d.DeskPlan(does, pause)))
        self._hear(name, d.Begin())

    def ended(self, phone: Phone) -> None:
        name = self._by_phone.pop(phone, None)
        if name is not None:
            self._hear(name, d.CallEnded())

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            async for name, effect in self._receive:
                nursery.start_soon(self._ask, name, effect)

    def _hear(self, name: str, message: d.Message) -> None:
        busy = self._busy.get(name)
        if busy is None:
            return
        for effect in busy[1].handle(message):
            self._perform(name, effect)

    def _perform(self, name: str, effect: d.Effect) -> None:
        assert self._timers is not None
        match effect:
            case StartTimer(timer, seconds):
                fire = partial(self._hear, name, TimerFired(timer))
                self._timers.arm((name, timer), seconds, fire)
            case CancelTimer(timer):
                self._timers.cancel((name, timer))
            case d.Told(outcome):
                self.outcomes[outcome] += 1
                del self._busy[name]
            case d.Find() | d.Command():
                try:
                    self._send.send_nowait((name, effect))
                except trio.WouldBlock:
                    self._hear(name, d.Refused("the generator asks too much at once"))

    async def _ask(self, name: str, effect: d.Effect) -> None:
        busy = self._busy.get(name)
        if busy is None:
            return
        phone = busy[0]
        if isinstance(effect, d.Command):
            body = {"to": destination(self._api.to or "")} if effect.op == "consult" else {}
            reply = await self._client.command(phone.index, effect.contact, effect.op, body)
            answer: d.Message = d.Done() if reply.refused is None else d.Refused(reply.refused)
        else:
            answer = d.Found(await self._client.find(phone.index, phone.user))
        self._hear(name, answer)

    def _draw(self) -> str | None:
        point = self._dice.random()
        for does, share in (
            ("consult", self._api.consults),
            ("transfer", self._api.transfers),
            ("conference", self._api.conferences),
        ):
            if point < share:
                return does
            point -= share
        return None


def destination(text: str) -> dict[str, str]:
    """``queue:support`` as the API has it."""
    kind, _, name = text.partition(":")
    return {"kind": kind, kind: name}
