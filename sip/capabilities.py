"""What we can do, as said in INVITE, 2xx and OPTIONS."""

from __future__ import annotations

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "UPDATE", "INFO")
ALLOW = ", ".join(METHODS)
EXTENSIONS: frozenset[str] = frozenset()
"""Option tags we understand in Require."""
SDP = "application/sdp"
