"""The log: one line a fact, on stderr, for people or as JSON.

Whoever logs never waits: a full pipe behind stderr costs lines (and says how many), not calls.
"""

from __future__ import annotations

import atexit
import logging
import queue
import re
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

import orjson
import structlog
from structlog.types import Processor

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["console", "json"]

LONGEST_QUEUE = 10_000
"""Lines that wait to be written; more are dropped."""
PARTING = 2.0
"""Seconds that the last lines have to get out when the process ends."""
HIDDEN = "***"

_SECRETS = frozenset(
    "secret secrets password passwd token authorization proxy_authorization nonce response ha1 "
    "credentials".split()
)
_PEOPLE = frozenset("ani caller customer from_uri from_number to_number display_name".split())
_CREDENTIALS = re.compile(
    r"""(?ix) \b ( (?:proxy-)?authorization \s* : | (?:secret|password|response|nonce) \s* = )
    \s* (?: " [^"]* " | [^\r\n"] [^\r\n]* )""",
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_NUMBER = re.compile(r"(?<![\w.])\+?[0-9]{7,15}(?![\w.])")


def set_up_logging(level: Level, format: Format, stream: TextIO | None = None) -> LineWriter:  # noqa: A002
    """For this process: structlog's loggers and those of the standard library alike.

    Returns the writer, whose ``close`` waits for the last lines; it is called at exit by itself.
    """
    writer = LineWriter(sys.stderr if stream is None else stream)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=writer.is_terminal)
    )
    handler = _Handler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    atexit.register(writer.close)
    return writer


def redact(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The one place where passwords and customers' numbers are taken out, whoever logs them."""
    for key, value in event.items():
        event[key] = _redacted(key, value)
    return event


def _redacted(key: str, value: Any) -> Any:
    if value is None or key == "timestamp":
        return value
    if key.lower() in _SECRETS:
        return HIDDEN
    if key.lower() in _PEOPLE:
        return _last_two(str(value))
    match value:
        case str():
            value = _CREDENTIALS.sub(_keep, value)
            value = _NUMBER.sub(lambda found: _last_two(found[0]), value)
            return value if key == "exception" else _one_line(value)
        case Mapping():
            return {name: _redacted(str(name), item) for name, item in value.items()}
        case list() | tuple():
            return [_redacted("", item) for item in value]
        case _:
            return value


def _one_line(text: str) -> str:
    """What a stranger sent cannot look like a line of its own, nor break the encoding."""
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def _keep(found: re.Match[str]) -> str:
    return f"{found[1]} {HIDDEN}"


def _last_two(number: str) -> str:
    """Enough to tell two callers apart in a log, too little to call one back."""
    return f"{HIDDEN}{number[-2:]}" if len(number) > 4 else HIDDEN


def _json(event: Any, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
    text = orjson.dumps(event, default=default or str, option=orjson.OPT_NON_STR_KEYS)
    return text.decode()


class LineWriter:
    """A thread that writes lines to ``stream``; ``write`` never waits."""

    def __init__(self, stream: TextIO, longest: int = LONGEST_QUEUE) -> None:
        self.is_terminal = stream.isatty()
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(longest)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Gives the last lines ``PARTING`` seconds; may be called again."""
        if self._thread.is_alive():
            try:
                self._lines.put(None, timeout=PARTING)
            except queue.Full:
                return  # nobody reads: the process ends without the rest
            self._thread.join(PARTING)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line = f"{line}\n{dropped} log lines dropped: nobody reads them fast enough"
            try:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                continue  # the reader of our stderr has gone; calls go on
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _Handler(logging.Handler):
    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self.format(record))
        except Exception:
            self._writer.write(f"a log line could not be made: {record.msg!r:.200}")
