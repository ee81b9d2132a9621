"""Commands from outside: read, put to the actor they are for, answered.

Whatever is wrong with one is a refusal, and a refused command changes nothing.  The actor alone
decides what is right in its state; here it is only found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol, get_args

import msgspec
import trio
from msgspec import Struct

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.contact import Contact
from actors.effects import Effect, TellAgent, TellContact, TellDispatcher, TellMonitorDesk
from actors.ids import AgentId, ContactId, owner_of
from actors.past import PastCommand
from actors.reasons import Refusal
from actors.routing import outside
from ccserver.core.directory import Directory
from ccserver.core.door.remembered import Asked, Remembered, digest_of
from ccserver.door import DEADLINE, LONGEST_DEADLINE, Answer, Request
from ccserver.journal.log import EventLost

MOST_AT_ONCE = 16
"""Commands under way to one actor: a flood must not fill its mailbox, which would end it."""
GONE_SECONDS = 0.2
"""How often it is looked whether the contact that was asked is still there."""
LONGEST_KEY = 128

_AGENT: dict[str, type[m.AgentCommand]] = {
    "agent.set_available": m.SetAvailable,
    "agent.set_idle": m.SetIdle,
    "agent.sign_out": m.SignOut,
    "agent.end_wrap_up": m.EndWrapUp,
    "agent.call": m.PlaceCall,
}
_CONTACT = {str(kind.__struct_config__.tag) for kind in get_args(c.ContactCommand)}
_MONITOR = {str(kind.__struct_config__.tag) for kind in get_args(c.MonitorCommand)}
_OUTSIDE = {str(kind.__struct_config__.tag) for kind in get_args(c.OutsideCommand)}
OPERATIONS = frozenset(_AGENT) | _CONTACT | _MONITOR | _OUTSIDE


class BadArgument(Exception):
    """``field`` as ``to.kind``; the text says what was expected."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Refused(Exception):
    """Here, before any actor heard of it."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _Order(Struct):
    """``told`` makes the message, given whom to answer to."""

    target: str
    told: Callable[[str], Effect]
    contact: ContactId | None = None
    durable: bool = False
    """Answered when the disk has it, and refused while the disk takes nothing."""


class Disk(Protocol):
    """The journal, as far as an answer must wait for it."""

    @property
    def ready(self) -> bool: ...

    @property
    def last_seq(self) -> int: ...

    def append(self, event: ev.AnyEvent) -> int: ...

    async def wait_durable(self, seq: int) -> None: ...


class Commands:
    """``turn`` and ``now`` are those of the post; ``perform`` tells an actor; ``takes_part``:
    whether a contact is an agent's own, now; ``wrap_up_codes`` and ``idle_codes`` are those that an
    agent may give.
    """

    def __init__(
        self,
        directory: Directory,
        turn: Callable[..., None],
        now: Callable[[], float],
        perform: Callable[[Effect], None],
        takes_part: Callable[[ContactId, AgentId], bool],
        disk: Disk,
        wrap_up_codes: tuple[str, ...] = (),
        idle_codes: tuple[str, ...] = (),
    ) -> None:
        self._directory, self._perform, self._takes_part = directory, perform, takes_part
        self._turn, self._now, self._disk = turn, now, disk
        self._wrap_up_codes, self._idle_codes = wrap_up_codes, idle_codes
        self._waiting: dict[str, Asked] = {}
        self._remembered = Remembered(now, self._forget)
        self._under_way: Counter[str] = Counter()
        self._asked = 0

    def configure(self, wrap_up_codes: tuple[str, ...], idle_codes: tuple[str, ...]) -> None:
        """Those that an agent may give from now on."""
        self._wrap_up_codes, self._idle_codes = wrap_up_codes, idle_codes

    def recover(self, past: Iterable[PastCommand]) -> None:
        """What was asked of earlier runs, and is remembered still."""
        self._remembered.recover(past)

    def reply(self, reply_to: str, answer: object) -> None:
        """An actor has answered; whoever asked and left hears nothing."""
        asked = self._waiting.pop(reply_to, None)
        if asked is None:
            return
        shown = _shown(answer)
        if asked.key is not None:
            self._disk.append(ev.CommandAnswered(asked.author, asked.key, shown))
        asked.answer, asked.upto = shown, self._disk.last_seq
        asked.answered.set()

    async def answer(self, request: Request) -> Answer:
        """Within the request's deadline.  A command that was not answered in time may yet be
        carried out: the same key asks for its answer again.
        """
        try:
            asked = self._known(request) or self._ask(request)
        except BadArgument as error:
            return {"refused": Refusal.BAD_REQUEST, "field": error.field, "detail": str(error)}
        except Refused as refused:
            return {"refused": refused.code, "detail": str(refused)}
        target = asked.target
        self._under_way[target] += 1
        kept = not asked.durable
        try:
            with trio.move_on_after(min(request.deadline or DEADLINE, LONGEST_DEADLINE)):
                await self._wait(asked, asked.contact)
                if asked.durable:
                    await self._disk.wait_durable(asked.upto)
                    kept = True
        except EventLost:
            kept = False
        finally:
            self._under_way[target] -= 1
            if not self._under_way[target]:
                del self._under_way[target]
            if request.key is None:
                self._waiting.pop(asked.reply_to, None)
        if asked.answer is None:
            if asked.contact is not None and not self._lives(asked.contact):
                self._waiting.pop(asked.reply_to, None)
                return _no_contact(asked.contact)  # it ended before it heard of the command
            return {"refused": Refusal.NO_ANSWER, "detail": f"{target} did not answer in time"}
        if asked.answer.get("ok") and not kept:
            return {"refused": Refusal.NO_ANSWER, "detail": "done, but not on the disk yet"}
        return asked.answer

    async def _wait(self, asked: Asked, contact: ContactId | None) -> None:
        """Until it is answered, or there is nobody left who would."""
        while not asked.answered.is_set() and (contact is None or self._lives(contact)):
            with trio.move_on_after(GONE_SECONDS):
                await asked.answered.wait()

    def _lives(self, contact: ContactId) -> bool:
        actor = self._directory.contacts.get(contact)
        return actor is not None and isinstance(actor.machine, Contact)

    def _known(self, request: Request) -> Asked | None:
        """The same, asked before.  Raises BadArgument and Refused."""
        if request.key is None:
            return None
        if len(request.key) > LONGEST_KEY:
            raise BadArgument("key", f"expected at most {LONGEST_KEY} characters")
        asked = self._remembered.find(_author(request), request.key)
        if asked is not None and asked.digest != digest_of(request):
            raise Refused(Refusal.KEY_REUSED, "this key came with another command")
        return asked

    def _ask(self, request: Request) -> Asked:
        """Raises BadArgument and Refused."""
        order = self._read(request)
        if self._under_way[order.target] >= MOST_AT_ONCE:
            detail = f"{MOST_AT_ONCE} commands to {order.target} are under way"
            raise Refused(Refusal.TOO_MANY_COMMANDS, detail)
        if order.durable and not self._disk.ready:
            detail = "the disk takes nothing now: nothing has changed"
            raise Refused(Refusal.STORAGE_UNAVAILABLE, detail)
        self._asked += 1
        reply_to = f"door/{self._asked}"
        asked = _asked_by(request, order, reply_to)
        self._turn("command", lambda *_: self._put(asked, order), request, reply_to)
        return asked

    def carry_out(self, request: Request, reply_to: str) -> None:
        """A request that was put to its actor in the run which is replayed."""
        order = self._read(request)
        self._put(_asked_by(request, order, reply_to), order)

    def _put(self, asked: Asked, order: _Order) -> None:
        """To its actor; that it was is known to the next run before anything comes of it."""
        asked.at = self._now()
        self._waiting[asked.reply_to] = asked
        if asked.key is not None:
            self._remembered.add(asked)
            self._disk.append(ev.CommandAsked(asked.author, asked.key, asked.digest))
        self._perform(order.told(asked.reply_to))

    def _forget(self, asked: Asked) -> None:
        self._waiting.pop(asked.reply_to, None)

    def _is_for(self, by: c.Principal, contact: ContactId) -> bool:
        """An agent does not learn that there is a contact which is not his (W06)."""
        return by.role != "agent" or (by.agent is not None and self._takes_part(contact, by.agent))

    # --- reading ------------------------------------------------------------------------------

    def _read(self, request: Request) -> _Order:
        """Raises BadArgument and Refused."""
        by = request.principal
        if by is not None and by.role == "read_only":
            raise Refused(Refusal.NOT_PERMITTED, "read_only may look, and nothing else")
        if request.op in _AGENT:
            return self._for_agent(request, by)
        if by is None:
            raise BadArgument("principal", "expected on whose behalf: user, role and agent")
        if request.op in _CONTACT:
            return self._for_contact(request, by)
        if request.op in _OUTSIDE:
            return self._for_dispatcher(request, by)
        command: c.MonitorCommand = read(request.op, request.args, c.MonitorCommand)
        return _Order(
            "the monitor desk",
            lambda reply_to: TellMonitorDesk(c.MonitorCommandReceived(command, by, reply_to)),
        )

    def _for_agent(self, request: Request, by: c.Principal | None) -> _Order:
        args = dict(request.args)
        agent = AgentId(str(args.pop("agent", None)))
        if by is not None and by.role == "agent" and by.agent != agent:
            raise Refused(Refusal.NOT_PERMITTED, "an agent commands only himself")
        if agent not in self._directory.agents:
            raise Refused(Refusal.UNKNOWN_AGENT, f"no agent {agent}")
        command = read(None, args, _AGENT[request.op])
        match command:
            case m.EndWrapUp(str(code)) if code not in self._wrap_up_codes:
                raise _unknown_code(Refusal.UNKNOWN_WRAP_UP_CODE, self._wrap_up_codes, code)
            case m.SetIdle(code) if code not in self._idle_codes:
                raise _unknown_code(Refusal.UNKNOWN_IDLE_CODE, self._idle_codes, code)
        expect = request.expect
        return _Order(
            f"agent {agent}",
            lambda reply_to: TellAgent(agent, m.AgentCommandReceived(command, reply_to, expect)),
            durable=isinstance(command, m.EndWrapUp) and command.code is not None,
        )

    def _for_contact(self, request: Request, by: c.Principal) -> _Order:
        args = dict(request.args)
        contact = args.pop("contact", None)
        command: c.ContactCommand = read(request.op, args, c.ContactCommand)
        if not isinstance(contact, str):
            raise BadArgument("contact", "expected the id of a contact")
        name, expect = ContactId(contact), request.expect
        if not self._lives(name) or not self._is_for(by, name):
            detail = str(_no_contact(name)["detail"])
            if by.role == "agent" and by.agent is not None:
                detail += f" in which agent {by.agent} takes part"
            raise Refused(Refusal.UNKNOWN_CONTACT, detail)
        return _Order(
            f"contact {name}",
            lambda reply_to: TellContact(
                name, c.ContactCommandReceived(name, command, by, reply_to, expect)
            ),
            name,
        )

    def _for_dispatcher(self, request: Request, by: c.Principal) -> _Order:
        """From who gives contacts away from outside."""
        if by.role == "agent":
            raise Refused(Refusal.NOT_PERMITTED, "an agent gives no contacts away")
        command: c.OutsideCommand = read(request.op, request.args, c.OutsideCommand)
        if isinstance(command, c.Assign):
            if not self._lives(owner_of(command.contact)):
                detail = str(_no_contact(command.contact)["detail"])
                raise Refused(Refusal.UNKNOWN_CONTACT, detail)
            if command.agent not in self._directory.agents:
                raise Refused(Refusal.UNKNOWN_AGENT, f"no agent {command.agent}")
        elif command.queue not in self._directory.queues:
            raise Refused(Refusal.UNKNOWN_QUEUE, f"no queue {command.queue}")
        expect = request.expect

        def told(reply_to: str) -> Effect:
            match command:
                case c.Assign(contact, agent, force):
                    wish = outside.AssignContact(contact, agent, by.user, reply_to, force, expect)
                    return TellDispatcher(wish)
                case c.RouterHeard(queue):
                    return TellDispatcher(outside.RouterHeard(queue, by.user, reply_to))
                case c.RouterLeft(queue):
                    return TellDispatcher(outside.RouterLeft(queue, by.user, reply_to))

        return _Order("the dispatcher", told)


def _unknown_code(refusal: Refusal, known: tuple[str, ...], code: str) -> Refused:
    return Refused(refusal, f"expected one of {', '.join(known)}, got {code}")


def read(op: str | None, args: dict[str, Any], kind: Any) -> Any:
    """``args`` as a command of this kind; what it does not know is refused, not passed over."""
    tagged = args if op is None else {**args, "op": op}
    try:
        command = msgspec.convert(tagged, kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    known = msgspec.to_builtins(command)
    unknown = _unknown(tagged, known, "")
    if unknown is not None:
        raise BadArgument(unknown, "expected no such argument")
    return command


def _explained(text: str) -> BadArgument:
    """msgspec says ``Expected `str`, got `int` - at `$.to.agent` ``."""
    text, _, path = text.replace("`", "").partition(" - at $")
    missing = re.fullmatch(r"Object missing required field (\w+)", text)
    if missing is not None:
        path, text = f"{path}.{missing[1]}", "expected a value, got nothing"
    return BadArgument(path.removeprefix("."), text[:1].lower() + text[1:])


def _unknown(given: dict[str, Any], known: dict[str, Any], path: str) -> str | None:
    for name, value in given.items():
        if name not in known:
            return f"{path}{name}"
        if isinstance(value, dict) and isinstance(known[name], dict):
            found = _unknown(value, known[name], f"{path}{name}.")
            if found is not None:
                return found
    return None


def _no_contact(contact: ContactId) -> Answer:
    return {"refused": Refusal.UNKNOWN_CONTACT, "detail": f"no living contact {contact}"}


def _author(request: Request) -> str:
    return request.principal.user if request.principal else ""


def _asked_by(request: Request, order: _Order, reply_to: str) -> Asked:
    return Asked(
        _author(request),
        request.key,
        "" if request.key is None else digest_of(request),
        reply_to,
        target=order.target,
        contact=order.contact,
        durable=order.durable,
    )


def _shown(answer: object) -> Answer:
    match answer:
        case m.Done(version, state, code, pending, allowed):
            shown = {"version": version, "state": state, "code": code, "pending": pending}
            return {"ok": True, **shown, "allowed": allowed}
        case c.ContactDone(version, state, allowed):
            return {"ok": True, "version": version, "state": state, "allowed": allowed}
        case m.CallStarted(contact):
            return {"ok": True, "contact": contact}
        case m.Refused(reason, state, allowed) | c.ContactRefused(reason, state, allowed):
            return {"refused": reason, "state": state, "allowed": allowed}
        case outside.Given(contact, queue, agent):
            return {"ok": True, "contact": contact, "queue": queue, "agent": agent}
        case outside.RouterKept(queue, seconds):
            return {"ok": True, "queue": queue, "seconds": seconds}
        case outside.NotGiven(code, details):
            return {"refused": code, "detail": "", "details": dict(details)}
        case c.MonitorAnswer(None, wishes):
            return {"ok": True, "wishes": wishes}
        case c.MonitorAnswer(reason, wishes):
            return {"refused": reason, "wishes": wishes}
        case _:
            raise TypeError(f"{type(answer).__name__} is no answer to a command")
