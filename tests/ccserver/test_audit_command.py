"""``ccserver audit``: what it says of the running server's state beside the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from actors import events as ev
from actors.ids import QueueName
from ccserver.cli import app, auditing
from ccserver.journal import codec
from ccserver.journal.audit import Audit
from ccserver.journal.reading import JOURNAL
from ccserver.journal.storage import SqliteStorage

OPENED = ev.QueueOpened(QueueName("support"))
ROW = (1, 1_000_000, codec.tag_of(OPENED), codec.encode(OPENED))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """With a journal of one event."""
    storage = SqliteStorage(tmp_path / JOURNAL)
    storage.write([ROW])
    storage.close()
    return tmp_path


def journals_digest() -> str:
    read = Audit()
    read.apply(ROW[0], ROW[1], ROW[3])
    return read.digest


def audit(data: Path, monkeypatch: pytest.MonkeyPatch, seq: int, digest: str) -> Result:
    """Of a server that has that state behind that event."""

    def answer(*_: Any, **__: Any) -> dict[str, Any]:
        return {"seq": seq, "digest": digest}

    monkeypatch.setattr(auditing, "ask", answer)
    monkeypatch.setattr(auditing, "PATIENCE", 0.0)
    return CliRunner().invoke(app, ["audit", "--set", f"data.dir={data}"])


def test_a_state_that_follows_from_the_journal_is_said_to(data, monkeypatch):
    result = audit(data, monkeypatch, 1, journals_digest())

    assert result.exit_code == 0
    assert "the server's state is what the journal comes to at event 1" in result.stdout


def test_a_state_that_does_not_follow_from_the_journal_is_a_fault(data, monkeypatch):
    result = audit(data, monkeypatch, 1, "0" * 32)

    assert result.exit_code == 1
    assert "the server's state IS NOT what the journal comes to at event 1" in result.stdout


def test_a_disk_that_lags_behind_is_not_taken_for_a_state_that_is_wrong(data, monkeypatch):
    result = audit(data, monkeypatch, 3, "0" * 32)

    assert result.exit_code == 1
    assert "IS NOT" not in result.output
    assert "cannot be compared: it is at event 3, and the disk has none behind 1" in result.output
