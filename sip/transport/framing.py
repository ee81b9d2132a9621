"""Messages out of a byte stream (RFC 3261 §18.3), whatever the pieces it comes in."""

from __future__ import annotations

from sip.message.grammar import parse_uint

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 1024 * 1024
KEEP_ALIVE = b"\r\n\r\n"


class FramingError(Exception):
    """The stream can no longer be cut into messages: answer ``status``, and close it.

    ``head`` is what was read of the message at fault, without its empty line.
    """

    def __init__(self, status: int, head: bytes, reason: str) -> None:
        super().__init__(reason)
        self.status, self.head = status, head


class Framer:
    """``feed`` pieces in; whole messages come out, keep-alive pings as ``KEEP_ALIVE``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Every message that is complete now.  Raises FramingError."""
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    @property
    def pending(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._buffer)

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            if buffer.startswith(KEEP_ALIVE):
                del buffer[:4]
                self._searched = 0
                return KEEP_ALIVE
            if len(buffer) < 4 and KEEP_ALIVE.startswith(buffer):
                return None
            del buffer[:2]  # §7.5: CRLF before a start line is ignored
            self._searched = 0
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            if len(buffer) > HEAD_LIMIT:
                raise _too_large(buffer)
            self._searched = len(buffer)
            return None
        if end > HEAD_LIMIT:
            raise _too_large(buffer)
        size = end + 4 + content_length(bytes(buffer[:end]))
        if len(buffer) < size:
            self._searched = end
            return None
        message = bytes(buffer[:size])
        del buffer[:size]
        self._searched = 0
        return message


def content_length(head: bytes) -> int:
    """The body's size that a message head announces.  Raises FramingError."""
    found: int | None = None
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon or name.rstrip(b" \t").lower() not in (b"content-length", b"l"):
            continue
        length = parse_uint(value.strip(b" \t").decode("latin-1"), BODY_LIMIT)
        if length is None or found not in (None, length):
            raise FramingError(400, head, f"expected one Content-Length of at most {BODY_LIMIT}")
        found = length
    if found is None:
        raise FramingError(
            400, head, "expected a Content-Length: the stream has no other end of a message"
        )
    return found


def _too_large(buffer: bytearray) -> FramingError:
    """§21.5.14"""
    head = bytes(buffer[:HEAD_LIMIT])
    return FramingError(513, head, f"expected headers of at most {HEAD_LIMIT} bytes")
