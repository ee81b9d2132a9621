"""The registrar: who can be reached where.  RFC 3261 §10.3.

Pure: a REGISTER or a timer in; a response, and what it changed, out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from sip.authentication import Authenticator, Verdict
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import MalformedMessage, NameAddr, Request, Response, Uri
from sip.timers import TimerQueue
from sip.transport.path import Path

MOST_SILENCES = 2
"""OPTIONS without an answer after which a phone counts as unreachable."""


class Binding(Struct, gc=False):
    """One phone of a user: where it says it is, and where its REGISTER came from."""

    user: str
    contact: str
    path: Path
    call_id: str
    cseq: int
    expires_at: float
    silences: int = 0


class Limits(Struct, frozen=True, gc=False):
    min_expires: int = 60
    default_expires: int = 300
    max_expires: int = 3600
    max_bindings: int = 10
    options_seconds: float = 0.0
    """How often a phone is asked whether it is there; 0: never."""


# --- heard ------------------------------------------------------------------------------------


class RegisterReceived(Struct, frozen=True):
    request: Request
    path: Path
    tag: str


class PhoneAnswered(Struct, frozen=True, gc=False):
    """Whatever it answered, it is there."""

    user: str
    contact: str


class PhoneSilent(Struct, frozen=True, gc=False):
    """It did not answer an OPTIONS."""

    user: str
    contact: str


Message: TypeAlias = RegisterReceived | PhoneAnswered | PhoneSilent | TimerFired


# --- effects ----------------------------------------------------------------------------------


class Reply(Struct, frozen=True):
    response: Response


class BindingAdded(Struct, frozen=True):
    binding: Binding


class BindingMoved(Struct, frozen=True):
    """Refreshed from another address, or over another connection."""

    binding: Binding


class BindingRemoved(Struct, frozen=True):
    binding: Binding
    reason: str
    """``unregistered``, ``expired`` or ``unreachable``."""


class Probe(Struct, frozen=True):
    """Ask this phone whether it is there."""

    binding: Binding


Effect: TypeAlias = (
    Reply | BindingAdded | BindingMoved | BindingRemoved | Probe | StartTimer | CancelTimer
)


class Refused(Exception):
    """What the REGISTER asks cannot be; nothing has changed."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class Registrar:
    """``now`` is monotonic, in seconds."""

    def __init__(
        self, authenticator: Authenticator, now: Callable[[], float], limits: Limits
    ) -> None:
        self._auth, self._now, self._limits = authenticator, now, limits
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._due: TimerQueue[tuple[str, Binding]] = TimerQueue()
        self._count = 0

    def __len__(self) -> int:
        """How many bindings there are."""
        return self._count

    def bindings(self, user: str) -> list[Binding]:
        """In the order they were made."""
        return list(self._bindings.get(user, {}).values())

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case RegisterReceived(request, path, tag):
                return self._register(request, path, tag)
            case TimerFired():
                return [*self._time_passed(), *self._arm()]
            case PhoneAnswered(user, contact):
                if (binding := self._find(user, contact)) is not None:
                    binding.silences = 0
                return []
            case PhoneSilent(user, contact):
                return self._silent(user, contact)

    # --- a REGISTER, by the steps of §10.3 ----------------------------------------------------

    def _register(self, request: Request, path: Path, tag: str) -> list[Effect]:
        try:
            user = self._authenticated(request, path)
            changes = self._change(user, request, path)
        except Refused as refused:
            answer = request.response(refused.status, to_tag=tag, headers=refused.headers)
            return [Reply(answer)]
        ok = request.response(200, to_tag=tag, headers=self._contacts(user))
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
        held = self._bindings.get(user, {})
        if request.contact_star:
            if request.expires != 0 or len(request.header_all("Contact")) != 1:
                raise Refused(400)
            for binding in held.values():
                self._check_order(binding, request)
            return [self._remove(binding, "unregistered") for binding in list(held.values())]
        wanted = [(contact, self._expires(contact, request)) for contact in request.contacts]
        for contact, _ in wanted:
            if contact.uri.scheme not in ("sip", "sips") or contact.uri.user is None:
                raise Refused(400)
            if (known := self._same(held, contact.uri)) is not None:
                self._check_order(known, request)
        new = [c for c, seconds in wanted if seconds and self._same(held, c.uri) is None]
        if len(held) + len(new) > self._limits.max_bindings:
            raise Refused(403)
        effects: list[Effect] = []
        for contact, seconds in wanted:
            effects.extend(self._bind(user, contact, seconds, request, path))
        return effects

    def _expires(self, contact: NameAddr, request: Request) -> int:
        seconds = contact.expires
        if seconds is None:
            seconds = request.expires
        if seconds is None:
            return self._limits.default_expires
        if 0 < seconds < self._limits.min_expires:
            raise Refused(423, ("Min-Expires", str(self._limits.min_expires)))
        return min(seconds, self._limits.max_expires)

    @staticmethod
    def _check_order(binding: Binding, request: Request) -> None:
        """Step 7: a REGISTER older than the one that made the binding changes nothing."""
        if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
            raise Refused(500, ("Retry-After", "1"))

    @staticmethod
    def _same(held: dict[str, Binding], uri: Uri) -> Binding | None:
        exact = held.get(str(uri))
        if exact is not None:
            return exact
        for contact, binding in held.items():
            try:
                if Uri.parse(contact).equivalent(uri):
                    return binding
            except MalformedMessage:  # pragma: no cover - it was parsed when it was bound
                continue
        return None

    def _bind(
        self, user: str, contact: NameAddr, seconds: int, request: Request, path: Path
    ) -> list[Effect]:
        held = self._bindings.setdefault(user, {})
        known = self._same(held, contact.uri)
        if seconds == 0:
            if not held:
                del self._bindings[user]
            return [] if known is None else [self._remove(known, "unregistered")]
        expires_at = self._now() + seconds
        if known is None:
            uri = str(contact.uri)
            cseq = request.cseq.number
            binding = Binding(user, uri, path, request.call_id, cseq, expires_at)
            held[uri] = binding
            self._count += 1
            self._schedule(binding)
            return [BindingAdded(binding)]
        moved = known.path != path
        known.path, known.call_id, known.cseq = path, request.call_id, request.cseq.number
        known.expires_at, known.silences = expires_at, 0
        self._due.arm(("expires", id(known)), expires_at, ("expires", known))
        return [BindingMoved(known)] if moved else []

    def _contacts(self, user: str) -> list[tuple[str, str]]:
        now = self._now()
        return [
            ("Contact", f"<{b.contact}>;expires={max(0, round(b.expires_at - now))}")
            for b in self._bindings.get(user, {}).values()
        ]

    # --- time ---------------------------------------------------------------------------------

    def _schedule(self, binding: Binding) -> None:
        self._due.arm(("expires", id(binding)), binding.expires_at, ("expires", binding))
        if self._limits.options_seconds > 0:
            # Spread by the order of arrival, so that phones are not asked all at once.
            share = (self._count * 0.618) % 1.0
            first = self._limits.options_seconds * (0.5 + share / 2)
            self._due.arm(("probe", id(binding)), self._now() + first, ("probe", binding))

    def _time_passed(self) -> list[Effect]:
        effects: list[Effect] = []
        now = self._now()
        for what, binding in self._due.due(now):
            if what == "expires":
                effects.append(self._remove(binding, "expired"))
            else:
                effects.append(Probe(binding))
                again = now + self._limits.options_seconds
                self._due.arm(("probe", id(binding)), again, ("probe", binding))
        return effects

    def _arm(self) -> list[Effect]:
        deadline = self._due.next_deadline()
        if deadline is None:
            return [CancelTimer("due")]
        return [StartTimer("due", max(0.0, deadline - self._now()))]

    def _silent(self, user: str, contact: str) -> list[Effect]:
        binding = self._find(user, contact)
        if binding is None:
            return []
        binding.silences += 1
        if binding.silences < MOST_SILENCES:
            return []
        return [self._remove(binding, "unreachable"), *self._arm()]

    def _find(self, user: str, contact: str) -> Binding | None:
        return self._bindings.get(user, {}).get(contact)

    def _remove(self, binding: Binding, reason: str) -> BindingRemoved:
        self._due.cancel(("expires", id(binding)))
        self._due.cancel(("probe", id(binding)))
        held = self._bindings[binding.user]
        del held[binding.contact]
        if not held:
            del self._bindings[binding.user]
        self._count -= 1
        return BindingRemoved(binding, reason)
