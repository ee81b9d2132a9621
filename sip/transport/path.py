"""Where a message came from, or goes."""

from __future__ import annotations

from msgspec import Struct


class Path(Struct, frozen=True, gc=False):
    """One way between a phone and us: a listener of ours, its address, and a connection."""

    transport: str
    """``udp`` or ``tcp``."""
    listener: int
    """The index of our listener."""
    remote: tuple[str, int]
    """Host, an IPv6 address without brackets, and port."""
    connection: int = 0
    """0: none (UDP), or one to be opened (TCP)."""

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"
