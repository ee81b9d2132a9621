"""Who proves to be an agent: the one thing that secrets decide.

Its verdicts and its nonces are written down with what comes from outside, so that a day can be
replayed without any secret (docs/replay.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sip.authentication import Account, Authenticator, Verdict
from sip.message import Request


class Ask(Protocol):
    def __call__(self, what: str, question: Callable[[], Any]) -> Any: ...


class Accounts(Authenticator):
    """``ask`` is that of ``actors.base.Turns``."""

    def __init__(
        self,
        realm: str,
        accounts: Callable[[str], Account | None],
        now: Callable[[], float],
        secret: bytes,
        ask: Ask,
        *,
        algorithms: tuple[str, ...],
        nonce_seconds: float,
    ) -> None:
        super().__init__(
            realm, accounts, now, secret, algorithms=algorithms, nonce_seconds=nonce_seconds
        )
        self._ask = ask

    def fresh_nonce(self, host: str) -> str:
        make = super().fresh_nonce
        nonce: str = self._ask("nonce", lambda: make(host))
        return nonce

    def verify(self, request: Request, host: str, header: str) -> tuple[Verdict, str | None]:
        judge = super().verify
        verdict, user = self._ask("verdict", lambda: judge(request, host, header))
        return verdict, user
