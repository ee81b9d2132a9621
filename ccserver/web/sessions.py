"""Who has signed in: sessions in memory, and on the disk for the next run of this process.

What another process changes in the store (``ccserver users``) is seen within half a second.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from hashlib import sha256

from actors.reasons import WebRefusal
from ccserver.web.passwords import matches
from ccserver.web.refusals import Refused
from ccserver.web.store import Account, Session, Store, StoreError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


class SignedIn:
    """A session that lives.  ``ended`` is set when it does not any more."""

    def __init__(self, session: Session, account: Account) -> None:
        self.session, self.account = session, account
        self.ended = asyncio.Event()


class Sessions:
    """``configured``: accounts of the configuration, with their passwords as they are."""

    def __init__(
        self, store: Store, configured: dict[str, tuple[Account, str]], seconds: float
    ) -> None:
        self._store, self._configured, self._seconds = store, configured, seconds
        self._living: dict[bytes, SignedIn] = {}
        self._one_check = asyncio.Semaphore(1)

    async def load(self) -> None:
        """What the store has.  Raises StoreError."""
        sessions, accounts = await asyncio.to_thread(
            lambda: (self._store.sessions(), self._store.accounts())
        )
        known = {account.name: account for account in accounts}
        known |= {name: account for name, (account, _) in self._configured.items()}
        found = {}
        for session in sessions:
            account = known.get(session.account)
            before = self._living.get(session.token)
            if before is not None and before.account == account:
                found[session.token] = before
            elif account is not None:
                found[session.token] = SignedIn(session, account)
        for token, living in self._living.items():
            if found.get(token) is not living:
                living.ended.set()
        self._living = found

    async def watch(self) -> None:
        """Until cancelled: hears of what the command line changes, and of the end of time."""
        version = None
        while True:
            try:
                if version != (version := await asyncio.to_thread(self._store.version)):
                    await self.load()
            except StoreError as error:
                log.error("accounts cannot be read: %s", error)
            for living in list(self._living.values()):
                if living.session.expires <= time.time():
                    self._forget(living.session.token)
            await asyncio.sleep(LOOK_SECONDS)

    def find(self, token: str) -> SignedIn | None:
        """``token``: what the user has."""
        living = self._living.get(_digest(token))
        if living is None or living.session.expires <= time.time():
            return None
        return living

    async def sign_in(self, name: str, password: str) -> tuple[str, SignedIn]:
        """The token, and its session.  An agent has one: it ends those before.

        Raises Refused, and StoreError.
        """
        account = await self._check(name, password)
        if account is None:
            raise Refused(WebRefusal.WRONG_PASSWORD, "expected a name and its password")
        token = secrets.token_urlsafe(32)
        expires = time.time() + self._seconds
        session = Session(_digest(token), account.name, secrets.token_urlsafe(24), expires)
        alone = account.role == "agent"
        await asyncio.to_thread(self._store.open_session, session, alone=alone)
        if alone:
            for living in list(self._living.values()):
                if living.account.name == account.name:
                    self._forget(living.session.token)
        living = self._living[session.token] = SignedIn(session, account)
        return token, living

    async def _check(self, name: str, password: str) -> Account | None:
        async with self._one_check:
            known = self._configured.get(name)
            if known is not None:
                given, wanted = password.encode("utf-8", "replace"), known[1].encode()
                return known[0] if hmac.compare_digest(given, wanted) else None
            found = await asyncio.to_thread(self._store.find, name)
            account, hashed = found if found is not None else (None, None)
            if await asyncio.to_thread(matches, hashed, password):
                return account
            return None

    async def sign_out(self, living: SignedIn) -> None:
        self._forget(living.session.token)
        await asyncio.to_thread(self._store.end_session, living.session.token)

    def _forget(self, token: bytes) -> None:
        living = self._living.pop(token, None)
        if living is not None:
            living.ended.set()


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
