from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import orjson
import pytest
import structlog

from ccserver.logs import LineWriter, redact, set_up_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def logged(form: str, log) -> str:
    stream = io.StringIO()
    writer = set_up_logging("info", form, stream)
    log()
    writer.close()
    return stream.getvalue()


def test_both_kinds_of_loggers_write_one_json_object_a_line():
    def log() -> None:
        logging.getLogger("one").warning("%d lines", 2)
        structlog.get_logger("two").info("contact.queued", contact="a0x", queue="sales")
        logging.getLogger("three").debug("not this")

    first, second = map(orjson.loads, logged("json", log).splitlines())

    assert (first["event"], first["level"], first["logger"]) == ("2 lines", "warning", "one")
    assert (second["event"], second["contact"], second["queue"]) == (
        "contact.queued",
        "a0x",
        "sales",
    )
    assert second["timestamp"].endswith("Z")


def test_a_crash_is_logged_with_its_traceback_and_without_numbers():
    def log() -> None:
        try:
            raise ValueError("no route to +4930123456")
        except ValueError:
            logging.getLogger("one").exception("a crash")

    line = orjson.loads(logged("json", log))

    assert "Traceback" in line["exception"]
    assert "ValueError: no route to ***56" in line["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_strangers_send_stays_in_its_line(form: str):
    def log() -> None:
        logging.getLogger("one").info("bad header %s", "x\r\n2026 [info] forged\x1b[31m \udcff")

    assert logged(form, log).count("\n") == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"secret": "hunter2"}, {"secret": "***"}),
        ({"Authorization": "Digest abc"}, {"Authorization": "***"}),
        ({"ani": "+4930123456"}, {"ani": "***56"}),
        ({"ani": "0"}, {"ani": "***"}),
        ({"ani": None}, {"ani": None}),
        ({"event": "from sip:+4930123456@x"}, {"event": "from sip:***56@x"}),
        ({"event": "agent 1001 on port 20000"}, {"event": "agent 1001 on port 20000"}),
        ({"event": "contact a01234567890bcdef"}, {"event": "contact a01234567890bcdef"}),
        ({"event": 'Authorization: Digest x="1"'}, {"event": "Authorization: ***"}),
        ({"event": "agents.0.secret=hunter2"}, {"event": "agents.0.secret= ***"}),
        ({"args": {"password": "x", "n": [{"ani": "1234567"}]}},
         {"args": {"password": "***", "n": [{"ani": "***67"}]}}),
    ],
)  # fmt: skip
def test_secrets_and_callers_numbers_are_taken_out(given, kept):
    assert redact(None, "info", dict(given)) == kept


def test_a_reader_that_does_not_read_costs_lines_and_no_time():
    stuck = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            stuck.wait(10)
            return super().write(text)

    stream = Stuck()
    writer = LineWriter(stream, longest=3)

    for number in range(100):
        writer.write(str(number))  # returns, though nobody reads
    stuck.set()
    writer.close()

    lines = stream.getvalue().splitlines()
    assert lines[0] == "0"
    assert any("log lines dropped" in line for line in lines)
    assert len(lines) < 10


def test_a_reader_that_has_gone_ends_nothing():
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    writer = LineWriter(Gone())

    writer.write("a")
    writer.write("b")
    writer.close()
