"""Passwords, kept as Argon2id hashes (RFC 9106).

A check costs some 100 ms and 64 MB on purpose: it is called in a thread, one at a time.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST, LONGEST = 8, 256
_hasher = PasswordHasher(parallelism=1)
_NOBODYS = _hasher.hash("nobody has this password")


class BadPassword(ValueError):
    """It cannot be anybody's; the text says what was expected."""


def hashed(password: str) -> str:
    """Raises BadPassword."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(f"expected {SHORTEST} to {LONGEST} characters")
    return _hasher.hash(password)


def matches(known: str | None, password: str) -> bool:
    """``known``: the hash; None: there is no such account, which takes as long to say."""
    try:
        _hasher.verify(known or _NOBODYS, password[: LONGEST + 1])
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
    return known is not None
