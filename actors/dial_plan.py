"""What an agent may have dialled, and the way there (A09).

A rule allows numbers that begin with a prefix, for some roles, through a trunk.  The longest
prefix that fits decides; a number that no rule allows is refused.
"""

from __future__ import annotations

from msgspec import Struct

from actors.messages import Target
from sip.transport.path import Path

DIALLED = frozenset("0123456789*#+")
LONGEST = 32


class Gateway(Struct, frozen=True):
    """Where a trunk takes calls: ``address`` is ``host:port``, as a SIP URI has it."""

    trunk: str
    address: str
    path: Path


class Rule(Struct, frozen=True):
    prefix: str
    roles: frozenset[str]
    gateway: Gateway | None
    """None: nobody may dial this."""


class DirectoryEntry(Struct, frozen=True):
    """A name of the directory: a number, or an agent."""

    name: str
    number: str | None = None
    agent: str | None = None


class DialPlan(Struct, frozen=True):
    rules: tuple[Rule, ...] = ()
    """In any order."""

    def route(self, number: str, role: str | None) -> tuple[str, Target] | None:
        """The trunk's name and whom to call there, or None: this role may not dial it.

        ``role`` None: the configuration itself, which may dial whatever a gateway leads to.

        What could change the Request-URI (``@``, ``;``, a letter) is never a number.
        """
        if not number or len(number) > LONGEST or not set(number) <= DIALLED:
            return None
        rule = self._rule(number)
        if rule is None:
            return None
        gateway = rule.gateway
        if gateway is None or (role is not None and role not in rule.roles):
            return None
        uri = f"sip:{number}@{gateway.address}"
        return gateway.trunk, Target(uri, uri, gateway.path)

    def knows(self, number: str) -> bool:
        """Whether any rule speaks of it, if only to forbid it."""
        return self._rule(number) is not None

    def _rule(self, number: str) -> Rule | None:
        fitting = [rule for rule in self.rules if number.startswith(rule.prefix)]
        return max(fitting, key=lambda rule: len(rule.prefix), default=None)
