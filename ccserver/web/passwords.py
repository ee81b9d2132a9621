"""Passwords, kept as Argon2id hashes (RFC 9106).

A check costs some 100 ms and 64 MB on purpose: it is called in a thread, one at a time.
"""

from __future__ import annotations

import os
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

SHORTEST, LONGEST = 8, 256
_hasher = PasswordHasher(parallelism=1)


def _nobodys() -> str:
    """A hash that costs as much to check as any, and that no password has."""
    salt, digest = (
        b64encode(os.urandom(size)).decode().rstrip("=")
        for size in (_hasher.salt_len, _hasher.hash_len)
    )
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


_NOBODYS = _nobodys()


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
