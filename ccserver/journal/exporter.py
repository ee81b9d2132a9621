"""The metrics port: GET /metrics for Prometheus, GET /healthz for whoever keeps the process up.

It shares the loop with live calls, so it is small and trusts nobody: one request a connection,
limits on everything, no error leaves its connection.  prometheus-client's own server starts a
thread for each connection and waits for its request for ever; it makes the text here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

import trio

from ccserver.journal.metrics import Snapshot, render

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
LONGEST_HEAD = 8192
HEAD_SECONDS = 5.0
"""For the whole request to arrive."""
SEND_SECONDS = 10.0
_TEXT = "text/plain; charset=utf-8"


class ListenError(Exception):
    """The port cannot be had; the text names it and says why."""


class BadRequest(Exception):
    """Answered with 400; the text says what was expected."""


async def listen(host: str, port: int) -> list[trio.SocketListener]:
    """Sockets that hear already.  Port 0: any.  Raises ListenError."""
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except (OSError, OverflowError) as error:
        raise ListenError(f"metrics.listen {host}:{port}: {error}") from error


class Exporter:
    """``snapshot`` is called on the loop, at each scrape; ``healthy`` at each look."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], healthy: Callable[[], bool] = lambda: True
    ) -> None:
        self._snapshot, self._healthy = snapshot, healthy
        self._connections = 0
        self._one_rendering = trio.CapacityLimiter(1)

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Until cancelled."""
        await trio.serve_listeners(self.converse, listeners)

    async def converse(self, stream: trio.abc.Stream) -> None:
        """One request, one response; never raises but Cancelled."""
        self._connections += 1
        try:
            async with stream:
                await self._answer(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass  # the client has gone, or dawdles
        except Exception:
            log.exception("a request to the metrics port failed")
        finally:
            self._connections -= 1

    async def _answer(self, stream: trio.abc.Stream) -> None:
        if self._connections > MOST_CONNECTIONS:
            response = _response(HTTPStatus.SERVICE_UNAVAILABLE, b"too many connections\n")
        else:
            try:
                with trio.fail_after(HEAD_SECONDS):
                    head = await _head(stream)
                response = await self._respond(*_parse(head))
            except BadRequest as error:
                response = _response(HTTPStatus.BAD_REQUEST, f"{error}\n".encode())
        with trio.fail_after(SEND_SECONDS):
            await stream.send_all(response)

    async def _respond(self, method: str, path: str, accept: str) -> bytes:
        if path not in ("/metrics", "/healthz"):
            return _response(HTTPStatus.NOT_FOUND, b"expected /metrics or /healthz\n")
        if method not in ("GET", "HEAD"):
            refusal = b"expected GET or HEAD\n"
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, refusal, more="Allow: GET, HEAD\r\n")
        if path == "/metrics":
            body, kind = await trio.to_thread.run_sync(
                render, self._snapshot(), accept, limiter=self._one_rendering
            )
            status = HTTPStatus.OK
        elif self._healthy():
            status, body, kind = HTTPStatus.OK, b"ok\n", _TEXT
        else:
            status, body, kind = HTTPStatus.SERVICE_UNAVAILABLE, b"not taking calls\n", _TEXT
        return _response(status, body, kind, head_only=method == "HEAD")


async def _head(stream: trio.abc.Stream) -> bytes:
    """Start line and headers, without the empty line at their end."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > LONGEST_HEAD:
            raise BadRequest(f"expected at most {LONGEST_HEAD} bytes of headers")
        more = await stream.receive_some(LONGEST_HEAD)
        if not more:
            raise BadRequest("expected a whole request")
        data += more
    return data[:end]


def _parse(head: bytes) -> tuple[str, str, str]:
    """Method, path without its query, and the value of Accept."""
    start, *lines = head.decode("latin-1").split("\r\n")
    parts = start.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest('expected "GET /metrics HTTP/1.1"')
    accept = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest('expected "Name: value" in each line of the headers')
        if name.lower() == "accept":
            accept.append(value.strip())
    return parts[0], parts[1].partition("?")[0], ", ".join(accept)


def _response(
    status: HTTPStatus, body: bytes, kind: str = _TEXT, *, more: str = "", head_only: bool = False
) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Connection: close\r\n{more}\r\n"
    )
    return head.encode() + (b"" if head_only else body)
