"""Availability: what an agent wants on one channel, and what he will want next.

    SignedOut <-> Available <-> Idle

While a contact is in hand a wish is pending: it can be seen, the last one counts, and it comes
true when nothing is in hand any more.  What the system sets, it sets at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from actors import messages as m
from actors.reasons import IdleCode, OfferFailure

CHANNEL_FAILURES = 3
"""Failed deliveries in a row that are tried again before the agent is set idle (features 2.5)."""

_IDLE_BY_FAILURE = {
    OfferFailure.RONA: IdleCode.RONA,
    OfferFailure.NO_ANSWER: IdleCode.RONA,
    OfferFailure.BUSY: IdleCode.BUSY,
    OfferFailure.DECLINED: IdleCode.DECLINED,
    OfferFailure.UNAVAILABLE: IdleCode.UNAVAILABLE,
    OfferFailure.INVALID_NUMBER: IdleCode.INVALID_NUMBER,
    OfferFailure.CHANNEL_FAILURE: IdleCode.CHANNEL_FAILURE,
}


class SignedOut(Struct, frozen=True, gc=False):
    pass


class Idle(Struct, frozen=True, gc=False):
    code: str


class Available(Struct, frozen=True, gc=False):
    """``since``, ``seq``: the agent's place among those who wait for work.  ``rests_until``: he has
    missed an offer, and is left alone for a while.
    """

    since: float
    seq: int
    rests_until: float | None = None


State: TypeAlias = SignedOut | Idle | Available
_NAMES: dict[type, str] = {SignedOut: "signed_out", Idle: "idle", Available: "available"}
SignIn: TypeAlias = Literal["on_register", "manual"]
Wish: TypeAlias = m.SetAvailable | m.SetIdle | m.SignOut


class Worked(Struct, frozen=True, gc=False):
    """He has served a contact: others have waited for work longer."""


class Talked(Struct, frozen=True, gc=False):
    """So many seconds; ``served``: with a customer of his own."""

    seconds: float
    served: bool


class Freed(Struct, frozen=True, gc=False):
    """Nothing is in hand any more."""


class Rested(Struct, frozen=True, gc=False):
    """He has been left alone for long enough."""


class Patience(Struct, frozen=True):
    """``misses``: so many offers in a row that he does not take make him idle.  ``delays``: for how
    many seconds he is left alone after one that does not yet, by its reason.
    """

    misses: int = 1
    delays: Mapping[OfferFailure, float] = {}


NO_PATIENCE = Patience()
Message: TypeAlias = (
    Wish
    | m.PhonesChanged
    | m.OfferFailed
    | m.OfferAnswered
    | m.PhoneLost
    | Talked
    | Worked
    | Freed
    | Rested
)


class Availability:
    """``busy``: whether anything is in hand; ``ticket``: a number that no other call of it gives.

    ``sign_in``: ``on_register``, there with his phones and gone with them, or ``manual``, by
    command.  Who has no phone is never available.
    """

    def __init__(
        self,
        sign_in: SignIn,
        busy: Callable[[], bool],
        now: Callable[[], float],
        ticket: Callable[[], int],
        patience: Patience = NO_PATIENCE,
    ) -> None:
        self._on_register = sign_in == "on_register"
        self._busy, self._now, self._ticket = busy, now, ticket
        self.state: State = SignedOut()
        self.pending: Wish | None = None
        self._reachable = False
        self._patience = patience
        self._channel_failures = self._misses = 0
        self.contacts, self.talked = 0, 0.0
        """What he has done since he signed in: how many contacts, how many seconds of talk."""

    def recover(self, state: State, pending: str | None, *, reachable: bool) -> None:
        """As an earlier run of the server left it; ``pending`` as ``coming`` has it."""
        self.state, self._reachable = state, reachable
        wish, _, code = (pending or "").partition(":")
        match wish:
            case "available":
                self.pending = m.SetAvailable()
            case "idle":
                self.pending = m.SetIdle(code)
            case "signed_out":
                self.pending = m.SignOut()

    def configure(self, sign_in: SignIn, patience: Patience) -> None:
        """How he signs in, and what he may miss, from now on; where he is, he stays."""
        self._on_register = sign_in == "on_register"
        self._patience = patience

    # --- what others may see ------------------------------------------------------------------

    @property
    def name(self) -> str:
        return _NAMES[type(self.state)]

    @property
    def coming(self) -> str | None:
        """What he will be when nothing is in hand any more, if it is another thing than now.

        ``available``, ``idle:CODE`` or ``signed_out``.
        """
        if not self._reachable and self._busy():
            if self._on_register:
                return "signed_out"
            if isinstance(self.pending or self.state, m.SetAvailable | Available):
                return f"idle:{IdleCode.UNAVAILABLE}"
        match self.pending:
            case None:
                return None
            case m.SetAvailable():
                return "available"
            case m.SetIdle(code):
                return f"idle:{code}"
            case m.SignOut():
                return "signed_out"

    # --- the machine --------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        match self.state, message:
            case _, Talked(seconds, served):
                self.contacts += served
                self.talked += seconds
            case _, m.OfferAnswered():
                self._channel_failures = self._misses = 0
            case Available(), Worked():
                self._available_from_now()
            case _, Freed():
                self._come_true()
                self._need_a_phone()
            case Available(since, seq), m.SetAvailable():
                self.pending = None  # he takes back what he wished before
                self.state = Available(since, seq)  # and is there, if he was left alone
            case Available(since, seq), Rested():
                self.state = Available(since, seq)
            case _, Rested():
                pass  # he has gone idle, or home, meanwhile
            case _, m.SetAvailable() | m.SetIdle() | m.SignOut() if self._busy():
                self.pending = message
            case _, m.SetAvailable():
                self._available_from_now()
            case _, m.SetIdle(code):
                self.state = Idle(code)
            case _, m.SignOut():
                self.state = SignedOut()
            case SignedOut(), m.PhonesChanged(targets) if self._first_of(targets):
                self._available_from_now()
            case _, m.PhonesChanged(targets):
                self._reachable = bool(targets)
                if not self._busy():
                    self._need_a_phone()
            case _, m.OfferFailed(_, reason):
                self._failed(reason)
            case Available(), m.PhoneLost():
                self._set_idle(IdleCode.PHONE_LOST)
            case Idle() | SignedOut(), m.PhoneLost():
                self._expect_no_work()  # he keeps his code
            case Idle() | SignedOut(), Worked():
                pass  # he went idle, or home, in the middle of it

    def _first_of(self, targets: tuple[m.Target, ...]) -> bool:
        """Whether he signs in by this."""
        before, self._reachable = self._reachable, bool(targets)
        return self._on_register and self._reachable and not before

    def _come_true(self) -> None:
        wish, self.pending = self.pending, None
        match wish:
            case m.SetAvailable():  # from now on, not since he wished it
                self._available_from_now()
            case m.SetIdle(code):
                self.state = Idle(code)
            case m.SignOut():
                self.state = SignedOut()

    def _available_from_now(self, rest: float = 0.0) -> None:
        if isinstance(self.state, SignedOut):
            self.contacts, self.talked = 0, 0.0
        now = self._now()
        self.state = Available(now, self._ticket(), now + rest if rest > 0 else None)

    def _need_a_phone(self) -> None:
        if self._reachable:
            return
        if self._on_register:
            self.state = SignedOut()
        elif isinstance(self.state, Available):
            self.state = Idle(IdleCode.UNAVAILABLE)

    def _failed(self, reason: OfferFailure) -> None:
        if reason is OfferFailure.MEDIA_ERROR:
            return  # no fault of the agent's
        if reason is OfferFailure.CHANNEL_FAILURE:
            self._channel_failures += 1
            if self._channel_failures <= CHANNEL_FAILURES:
                self._available_from_now()
                return
        self._misses += 1
        if reason is not OfferFailure.CHANNEL_FAILURE and self._misses < self._patience.misses:
            self._available_from_now(self._patience.delays.get(reason, 0.0))
            return
        self._channel_failures = self._misses = 0
        self._set_idle(_IDLE_BY_FAILURE[reason])

    def _set_idle(self, code: IdleCode) -> None:
        self.state = Idle(code)
        self._expect_no_work()

    def _expect_no_work(self) -> None:
        """What he wished himself, idle or gone home, still comes after what the system set."""
        if isinstance(self.pending, m.SetAvailable):
            self.pending = None
