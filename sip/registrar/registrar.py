"""The registrar as a machine: a REGISTER or a timer in; a response, and what it changed, out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv6Address
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
from sip.timers import TimerQueue
from sip.transport.path import Path

MOST_SILENCES = 2
"""OPTIONS without an answer after which a phone counts as unreachable."""
MAX_USER_AGENT = 64


class Refused(Exception):
    """What the REGISTER asks cannot be; nothing has changed."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class _Due(Struct, frozen=True, gc=False):
    """Look at a binding: ``what`` is ``expires`` or ``probe``."""

    what: str
    user: str
    contact: str


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
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._connected: dict[Path, dict[tuple[str, str], None]] = {}
        """By connection, in order: when one closes, its phones are found without a search."""
        self._silences: dict[tuple[str, str], int] = {}
        self._due: TimerQueue[_Due] = TimerQueue()
        self._wake_at: float | None = None
        self._count = self._added = 0

    def __len__(self) -> int:
        """How many bindings there are."""
        return self._count

    def bindings(self, user: str) -> list[Binding]:
        """The preferred first, and in the order they were made."""
        held = self._bindings.get(user, {}).values()
        return sorted(held, key=lambda binding: -binding.q)

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case RegisterReceived() as register:
                return self._register(register)
            case TimerFired():
                self._wake_at = None
                return [*self._time_passed(), *self._arm()]
            case PhoneAnswered(user, contact):
                self._silences.pop((user, contact), None)
                return []
            case PhoneSilent(user, contact):
                return self._silent(user, contact)
            case ConnectionClosed(path):
                return self._closed(path)
            case UserRemoved(user):
                held = list(self._bindings.get(user, {}).values())
                return [*(self._remove(binding, "removed") for binding in held), *self._arm()]

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
        held = self._bindings.get(user, {})
        if request.contact_star:
            if request.expires != 0:
                raise Refused(400)
            for binding in held.values():
                _check_order(binding, request)
            return [self._remove(binding, "unregistered") for binding in list(held.values())]

        wanted: dict[str, tuple[NameAddr, int]] = {}
        for contact in request.contacts:
            if contact.uri.scheme not in ("sip", "sips"):
                raise Refused(400)
            seconds = self._expires(contact, request)
            known = _same(held, contact.uri)
            if known is not None:
                _check_order(known, request)
            wanted[str(contact.uri) if known is None else known.contact] = contact, seconds
        devices = {_device(contact) for contact, seconds in wanted.values() if seconds} - {None}
        left = [b for b in held.values() if b.instance in devices and b.contact not in wanted]
        gone = [b for name, b in held.items() if name in wanted and wanted[name][1] == 0]
        new = [name for name, (_, seconds) in wanted.items() if seconds and name not in held]
        after = len(held) - len(left) - len(gone) + len(new)
        if after > max(self._limits.max_bindings, len(held)):
            raise Refused(403)

        effects: list[Effect] = [self._remove(binding, "replaced") for binding in left]
        effects += [self._remove(binding, "unregistered") for binding in gone]
        for name, (contact, seconds) in wanted.items():
            if seconds:
                effects += self._bind(user, name, contact, seconds, request, path)
        return effects

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """Seconds; 0 removes (step 6)."""
        seconds = contact.expires
        if seconds is None:
            seconds = request.expires
        if seconds is None:
            return self._limits.default_expires
        if 0 < seconds < self._limits.min_expires:
            raise Refused(423, ("Min-Expires", str(self._limits.min_expires)))
        return min(seconds, self._limits.max_expires)

    def _bind(
        self,
        user: str,
        name: str,
        contact: NameAddr,
        seconds: int,
        request: Request,
        path: Path,
    ) -> list[Effect]:
        known = self._find(user, name)
        agent = request.header("User-Agent")
        binding = Binding(
            user if known is None else known.user,
            name,
            known.path if known is not None and known.path == path else path,
            request.call_id,
            request.cseq.number,
            self._now() + seconds,
            contact.q,
            _device(contact),
            None if agent is None else intern(agent[:MAX_USER_AGENT]),  # a fleet has few models
        )
        self._bindings.setdefault(user, {})[name] = binding
        if known is None or known.path is not binding.path:
            if known is not None:
                self._disconnect(known)
            self._connect(binding)
        if known is None:
            self._count += 1
            self._look_at(binding)
            self._probe_first(binding)
            return [BindingAdded(binding)]
        self._silences.pop((user, name), None)
        # A later end needs no timer: at the earlier one the binding is looked at again.
        if binding.expires_at < known.expires_at:
            self._look_at(binding)
        moved = known.path is not binding.path
        return [BindingMoved(binding) if moved else BindingRefreshed(binding)]

    # --- after a restart ----------------------------------------------------------------------

    def restore(self, bindings: Iterable[Binding]) -> list[Effect]:
        """Those that an earlier run made, on this run's clock; one that has expired goes now.

        Whoever registered over a connection must do so again: it closed with that run.
        """
        effects: list[Effect] = []
        for binding in bindings:
            self._bindings.setdefault(binding.user, {})[binding.contact] = binding
            self._count += 1
            self._look_at(binding)
            self._probe_first(binding)
            if binding.path.connection:
                effects.append(self._remove(binding, "disconnected"))
        return [*effects, *self._time_passed(), *self._arm()]

    def _contacts(self, user: str) -> list[tuple[str, str]]:
        now = self._now()
        rows = []
        for b in self._bindings.get(user, {}).values():
            preference = "" if b.q == 1 else f";q={b.q:.3f}"
            device = "" if b.instance is None else f";+sip.instance={b.instance}"
            seconds = max(0, round(b.expires_at - now))
            rows.append(("Contact", f"<{b.contact}>{preference}{device};expires={seconds}"))
        return rows

    # --- time ---------------------------------------------------------------------------------

    def _look_at(self, binding: Binding) -> None:
        due = _Due("expires", binding.user, binding.contact)
        self._due.arm(due, binding.expires_at, due)

    def _probe_first(self, binding: Binding) -> None:
        if self._limits.options_seconds > 0:
            # Spread by the order of arrival, so that phones are not asked all at once.
            self._added += 1
            share = (self._added * 0.618) % 1.0
            due = _Due("probe", binding.user, binding.contact)
            first = self._limits.options_seconds * (0.5 + share / 2)
            self._due.arm(due, self._now() + first, due)

    def _time_passed(self) -> list[Effect]:
        effects: list[Effect] = []
        now = self._now()
        for due in self._due.due(now):
            binding = self._bindings[due.user][due.contact]
            if due.what == "probe":
                effects.append(Probe(binding))
                self._due.arm(due, now + self._limits.options_seconds, due)
            elif binding.expires_at <= now:
                effects.append(self._remove(binding, "expired"))
            else:
                self._look_at(binding)
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
        binding = self._find(user, contact)
        if binding is None:
            return []  # race: it has gone while it was asked
        silences = self._silences.get((user, contact), 0) + 1
        if silences < MOST_SILENCES:
            self._silences[user, contact] = silences
            return []
        return [self._remove(binding, "unreachable"), *self._arm()]

    def _closed(self, path: Path) -> list[Effect]:
        """A phone that has come back over another connection stands under that one."""
        names = list(self._connected.get(path, ()))
        if not names:
            return []
        gone = [self._bindings[user][contact] for user, contact in names]
        return [*(self._remove(binding, "disconnected") for binding in gone), *self._arm()]

    def _connect(self, binding: Binding) -> None:
        if binding.path.connection:
            held = self._connected.setdefault(binding.path, {})
            held[binding.user, binding.contact] = None

    def _disconnect(self, binding: Binding) -> None:
        held = self._connected.get(binding.path)
        if held is not None:
            held.pop((binding.user, binding.contact), None)
            if not held:
                del self._connected[binding.path]

    def _find(self, user: str, contact: str) -> Binding | None:
        return self._bindings.get(user, {}).get(contact)

    def _remove(self, binding: Binding, reason: str) -> BindingRemoved:
        user, contact = binding.user, binding.contact
        self._due.cancel(_Due("expires", user, contact))
        self._due.cancel(_Due("probe", user, contact))
        self._silences.pop((user, contact), None)
        self._disconnect(binding)
        held = self._bindings[user]
        del held[contact]
        if not held:
            del self._bindings[user]
        self._count -= 1
        return BindingRemoved(binding, reason)


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


def _same(held: dict[str, Binding], uri: Uri) -> Binding | None:
    exact = held.get(str(uri))
    if exact is not None:
        return exact
    for contact, binding in held.items():
        if Uri.parse(contact).equivalent(uri):
            return binding
    return None


def _device(contact: NameAddr) -> str | None:
    """Ready to be written behind ``+sip.instance=``; devices with several flows number them."""
    instance = contact.params.get("+sip.instance")
    if not instance:
        return None
    flow = parse_uint(contact.params.get("reg-id") or "", 2**31 - 1)
    return quote(instance) if flow is None else f"{quote(instance)};reg-id={flow}"
