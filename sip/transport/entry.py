"""An entry of ``sip.listen``, read without opening anything."""

from __future__ import annotations

from sip.message.grammar import parse_uint


class ListenError(Exception):
    """A listen entry is wrong or its port is taken; the text names it."""


def parse_listen(entry: str) -> tuple[str, str, int]:
    """``udp:127.0.0.1:5060`` or ``tcp:[::1]:5060`` as (transport, host, port)."""
    kind, _, rest = entry.partition(":")
    host, _, port_text = rest.rpartition(":")
    port = parse_uint(port_text, 65535)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if kind not in ("udp", "tcp") or not bare or port is None or (":" in bare and bare == host):
        raise ListenError(f'expected "udp:HOST:PORT" or "tcp:HOST:PORT", got {entry!r}')
    return kind, bare, port
