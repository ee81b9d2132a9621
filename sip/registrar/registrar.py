"""The registrar as a machine: a REGISTER or a timer in; a response, and what it changed, out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv6Address
from itertools import islice
from math import inf
from sys import intern

from msgspec import Struct

from sip.authentication import Authenticator, Verdict
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import NameAddr, Request, Uri
from sip.message.grammar import parse_uint, quote
from sip.registrar.words import (
    Binding,
    BindingAdded,
    BindingMoved,
    BindingRefreshed,
    BindingRemoved,
    ConnectionClosed,
    Effect,
    Limits,
    Message,
    PhoneAnswered,
    PhoneSilent,
    Probe,
    RegisterReceived,
    Reply,
    UserRemoved,
)
from sip.timers import Timer, TimerQueue
from sip.transport.path import Path

MOST_SILENCES = 2
"""OPTIONS without an answer after which a phone counts as unreachable."""
MAX_USER_AGENT = 64
MOST_AT_ONCE = 100
"""Phones looked at in one go: what else there is to do is done between two."""


class Refused(Exception):
    """What the REGISTER asks cannot be; nothing has changed."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class _Phone(Struct, eq=False, gc=False):
    """A phone that is registered.  One timer looks at it: when it is to be asked whether it is
    there, or when its binding expires, whichever comes first.
    """

    binding: Binding
    probe_at: float
    silences: int = 0
    timer: Timer | None = None


class Registrar:
    """``now`` is monotonic, in seconds; ``domains`` are the names of those whom it serves."""

    def __init__(
        self,
        authenticator: Authenticator,
        now: Callable[[], float],
        limits: Limits,
        domains: frozenset[str],
    ) -> None:
        self._auth, self._now, self._limits = authenticator, now, limits
        self._domains = frozenset(_one_spelling(domain) for domain in domains)
        self._phones: dict[str, _Phone | tuple[_Phone, ...]] = {}
        """By user, in the order they were made: ten at most; nearly all have one, and no tuple."""
        self._connected: dict[Path, dict[_Phone, None]] = {}
        """By connection, in order: when one closes, its phones are found without a search."""
        self._due: TimerQueue[_Phone] = TimerQueue()
        self._wake_at: float | None = None
        self._count = self._added = 0

    def __len__(self) -> int:
        """How many bindings there are."""
        return self._count

    def bindings(self, user: str) -> list[Binding]:
        """The preferred first, and in the order they were made."""
        held = [phone.binding for phone in self._held(user)]
        return sorted(held, key=lambda binding: -binding.q)

    def _held(self, user: str) -> tuple[_Phone, ...]:
        held = self._phones.get(user, ())
        return held if isinstance(held, tuple) else (held,)

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case RegisterReceived() as register:
                return self._register(register)
            case TimerFired():
                self._wake_at = None
                return [*self._time_passed(), *self._arm()]
            case PhoneAnswered(user, contact):
                phone = _named(self._held(user), contact)
                if phone is not None:
                    phone.silences = 0
                return []
            case PhoneSilent(user, contact):
                return self._silent(user, contact)
            case ConnectionClosed(path):
                return self._closed(path)
            case UserRemoved(user):
                held = self._held(user)
                return [*(self._remove(phone, "removed") for phone in held), *self._arm()]

    # --- a REGISTER, by the steps of §10.3 ----------------------------------------------------

    def _register(self, register: RegisterReceived) -> list[Effect]:
        request, path = register.request, register.path
        try:
            user = self._authenticated(request, path)
            host = _one_spelling(request.to.uri.host_ip)
            if host not in self._domains and host != _one_spelling(register.local):
                raise Refused(404)  # step 5: of another domain, though of the same name
            changes = self._change(user, request, path)
        except Refused as refused:
            headers = refused.headers
            return [Reply(request.response(refused.status, to_tag=register.tag, headers=headers))]
        ok = request.response(200, to_tag=register.tag, headers=self._contacts(user))
        return [Reply(ok), *changes, *self._arm()]

    def _authenticated(self, request: Request, path: Path) -> str:
        verdict, user = self._auth.verify(request, path.remote[0], "Authorization")
        if verdict is not Verdict.RIGHT or user is None:
            stale = verdict is Verdict.STALE
            challenges = self._auth.challenges(path.remote[0], stale=stale)
            raise Refused(401, *(("WWW-Authenticate", text) for text in challenges))
        if request.to.uri.user != user:
            raise Refused(403)  # a user speaks for itself only
        return user

    def _change(self, user: str, request: Request, path: Path) -> list[Effect]:
        """All of what is asked, or, if any of it cannot be, nothing (step 7)."""
        held = self._held(user)
        if len(held) == 1 and request.fields.get("Contact") == (_written(held[0].binding),):
            binding = held[0].binding
            if seconds := self._allowed(request.expires):
                _check_order(binding, request)
                same = binding.contact, 1.0, binding.instance
                return [self._bind(user, *same, seconds, request, path, held[0])]
        if request.contact_star:
            if request.expires != 0:
                raise Refused(400)
            for phone in held:
                _check_order(phone.binding, request)
            return [self._remove(phone, "unregistered") for phone in held]

        wanted: dict[str, tuple[NameAddr, int, _Phone | None]] = {}
        for contact in request.contacts:
            if contact.uri.scheme not in ("sip", "sips"):
                raise Refused(400)
            seconds = self._expires(contact, request)
            known = _same(held, contact.uri)
            if known is not None:
                _check_order(known.binding, request)
            name = str(contact.uri) if known is None else known.binding.contact
            wanted[name] = contact, seconds, known
        devices = {_device(contact) for contact, seconds, _ in wanted.values() if seconds} - {None}
        left = [
            phone
            for phone in held
            if phone.binding.instance in devices and phone.binding.contact not in wanted
        ]
        gone = [known for _, seconds, known in wanted.values() if known is not None and not seconds]
        new = sum(known is None and seconds > 0 for _, seconds, known in wanted.values())
        after = len(held) - len(left) - len(gone) + new
        if after > max(self._limits.max_bindings, len(held)):
            raise Refused(403)

        effects: list[Effect] = [self._remove(phone, "replaced") for phone in left]
        effects += [self._remove(phone, "unregistered") for phone in gone]
        for name, (contact, seconds, known) in wanted.items():
            if seconds:
                says = name, contact.q, _device(contact)
                effects.append(self._bind(user, *says, seconds, request, path, known))
        return effects

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """Seconds; 0 removes (step 6)."""
        seconds = contact.expires
        return self._allowed(request.expires if seconds is None else seconds)

    def _allowed(self, seconds: int | None) -> int:
        if seconds is None:
            return self._limits.default_expires
        if 0 < seconds < self._limits.min_expires:
            raise Refused(423, ("Min-Expires", str(self._limits.min_expires)))
        return min(seconds, self._limits.max_expires)

    def _bind(
        self,
        user: str,
        name: str,
        q: float,
        device: str | None,
        seconds: int,
        request: Request,
        path: Path,
        phone: _Phone | None,
    ) -> Effect:
        agent = request.header("User-Agent")
        known = None if phone is None else phone.binding
        binding = Binding(
            user if known is None else known.user,
            name,
            known.path if known is not None and known.path == path else path,
            request.call_id,
            request.cseq.number,
            self._now() + seconds,
            q,
            device,
            None if agent is None else intern(agent[:MAX_USER_AGENT]),  # a fleet has few models
        )
        if phone is None or known is None:
            self._add(binding)
            return BindingAdded(binding)
        phone.silences = 0
        moved = known.path is not binding.path
        if moved:
            self._disconnect(phone)
        phone.binding = binding
        if moved:
            self._connect(phone)
        # A later end needs no timer: at the earlier one the binding is looked at again.
        if binding.expires_at < known.expires_at:
            self._look_at(phone)
        return BindingMoved(binding) if moved else BindingRefreshed(binding)

    def _add(self, binding: Binding) -> _Phone:
        phone = _Phone(binding, self._first_probe())
        before = self._held(binding.user)
        self._phones[binding.user] = (*before, phone) if before else phone
        self._count += 1
        self._connect(phone)
        self._look_at(phone)
        return phone

    # --- after a restart ----------------------------------------------------------------------

    def restore(self, bindings: Iterable[Binding]) -> list[Effect]:
        """Those that an earlier run made, on this run's clock; one that has expired goes now.

        Whoever registered over a connection must do so again: it closed with that run.
        """
        effects: list[Effect] = []
        for binding in bindings:
            phone = self._add(binding)
            if binding.path.connection:
                effects.append(self._remove(phone, "disconnected"))
        return [*effects, *self._time_passed(), *self._arm()]

    def _contacts(self, user: str) -> list[tuple[str, str]]:
        now = self._now()
        rows = []
        for phone in self._held(user):
            b = phone.binding
            preference = "" if b.q == 1 else f";q={b.q:.3f}"
            device = "" if b.instance is None else f";+sip.instance={b.instance}"
            seconds = max(0, round(b.expires_at - now))
            rows.append(("Contact", f"<{b.contact}>{preference}{device};expires={seconds}"))
        return rows

    # --- time ---------------------------------------------------------------------------------

    def _look_at(self, phone: _Phone) -> None:
        self._look_away(phone)
        phone.timer = self._due.arm(min(phone.binding.expires_at, phone.probe_at), phone)

    def _look_away(self, phone: _Phone) -> None:
        if phone.timer is not None:
            self._due.cancel(phone.timer)

    def _first_probe(self) -> float:
        """Spread by the order of arrival, so that phones are not asked all at once."""
        if self._limits.options_seconds <= 0:
            return inf
        self._added += 1
        share = (self._added * 0.618) % 1.0
        return self._now() + self._limits.options_seconds * (0.5 + share / 2)

    def _time_passed(self) -> list[Effect]:
        effects: list[Effect] = []
        now = self._now()
        for phone in islice(self._due.due(now), MOST_AT_ONCE):
            if phone.binding.expires_at <= now:
                effects.append(self._remove(phone, "expired"))
                continue
            if phone.probe_at <= now:
                effects.append(Probe(phone.binding))
                phone.probe_at = now + self._limits.options_seconds
            self._look_at(phone)
        return effects

    def _arm(self) -> list[Effect]:
        """One timer, for whatever comes first; nothing to say while that stays the same."""
        deadline = self._due.next_deadline()
        if deadline == self._wake_at:
            return []
        self._wake_at = deadline
        if deadline is None:
            return [CancelTimer("due")]
        return [StartTimer("due", max(0.0, deadline - self._now()))]

    def _silent(self, user: str, contact: str) -> list[Effect]:
        phone = _named(self._held(user), contact)
        if phone is None:
            return []  # race: it has gone while it was asked
        phone.silences += 1
        if phone.silences < MOST_SILENCES:
            return []
        return [self._remove(phone, "unreachable"), *self._arm()]

    def _closed(self, path: Path) -> list[Effect]:
        """A phone that has come back over another connection stands under that one."""
        gone = list(self._connected.get(path, ()))
        if not gone:
            return []
        return [*(self._remove(phone, "disconnected") for phone in gone), *self._arm()]

    def _connect(self, phone: _Phone) -> None:
        if phone.binding.path.connection:
            self._connected.setdefault(phone.binding.path, {})[phone] = None

    def _disconnect(self, phone: _Phone) -> None:
        held = self._connected.get(phone.binding.path)
        if held is not None:
            held.pop(phone, None)
            if not held:
                del self._connected[phone.binding.path]

    def _remove(self, phone: _Phone, reason: str) -> BindingRemoved:
        user = phone.binding.user
        self._look_away(phone)
        self._disconnect(phone)
        left = tuple(other for other in self._held(user) if other is not phone)
        if left:
            self._phones[user] = left if len(left) > 1 else left[0]
        else:
            del self._phones[user]
        self._count -= 1
        return BindingRemoved(phone.binding, reason)


def _one_spelling(host: str) -> str:
    """One spelling of a name or an address, which comes without brackets."""
    if ":" in host:
        with suppress(ValueError):
            return str(IPv6Address(host))
    return host.lower().removesuffix(".")


def _check_order(binding: Binding, request: Request) -> None:
    """Step 7: a REGISTER older than the one that made the binding changes nothing."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise Refused(500, ("Retry-After", "1"))


def _named(held: Iterable[_Phone], contact: str) -> _Phone | None:
    for phone in held:
        if phone.binding.contact == contact:
            return phone
    return None


def _same(held: tuple[_Phone, ...], uri: Uri) -> _Phone | None:
    if not held:
        return None
    exact = _named(held, str(uri))
    if exact is not None:
        return exact
    for phone in held:
        if Uri.parse(phone.binding.contact).equivalent(uri):
            return phone
    return None


def _written(binding: Binding) -> str:
    """As the phone writes itself, if it writes in the usual way: known without being read again."""
    device = "" if binding.instance is None else f";+sip.instance={binding.instance}"
    return f"<{binding.contact}>{device}"


def _device(contact: NameAddr) -> str | None:
    """Ready to be written behind ``+sip.instance=``; devices with several flows number them."""
    instance = contact.params.get("+sip.instance")
    if not instance:
        return None
    flow = parse_uint(contact.params.get("reg-id") or "", 2**31 - 1)
    return quote(instance) if flow is None else f"{quote(instance)};reg-id={flow}"
