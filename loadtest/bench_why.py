"""How long it takes to explain a contact at the end of a long run of the server.

    python -m loadtest.bench_why --calls 20000

The journal is that of a trial (``ccserver.trials``): agents who answer, and callers one behind the
other, some of whom wait.  What is timed is what ``ccserver why`` does: the file is found, read from
the start of the run on, and every decision of the run is computed again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from actors.ids import ContactId, IdSource
from ccserver.journal import codec
from ccserver.journal.reading import JournalFile, entries_about
from ccserver.journal.storage import SqliteStorage
from ccserver.journal.why import why
from ccserver.settings import Settings
from ccserver.trials.model import AgentThere, Caller, Trial
from ccserver.trials.story import Story

BETWEEN = 4.0
"""Seconds from one call to the next."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal.sqlite"
        last = _write(path, arguments.calls, arguments.agents)
        began = time.perf_counter()
        journal = JournalFile(path)
        found = why(entries_about(journal, last), last, 0)
        took = time.perf_counter() - began
    assert found.moments, "the last call was not decided on"
    assert all(moment.agrees for moment in found.moments)
    entries = journal.last_seq
    each = took / entries * 1e6
    print(f"{arguments.calls} calls, {entries} entries: {took:.2f} s, {each:.1f} us an entry")
    return 0


def _write(path: Path, calls: int, agents: int) -> ContactId:
    """The journal of a day; gives its last contact."""
    at = datetime(2026, 3, 2, 8, tzinfo=UTC)
    instants = [n * BETWEEN for n in range(calls)]
    at_call = iter(instants)
    ids = IdSource(lambda: at.timestamp() + next(at_call), 1)
    callers = [Caller(name=ids.make(), dials="2001", after_seconds=instant) for instant in instants]
    there = [
        AgentThere(id=str(1001 + n), available_seconds=60.0 + n, talks_seconds=120.0)
        for n in range(agents)
    ]
    story = Trial(at=at, seconds=calls * BETWEEN + 30.0, agents=there, callers=callers)
    storage = SqliteStorage(path)
    entries = Story(_settings(agents), story).play()
    storage.write([(e.seq, e.at, codec.tag_of(e.event), codec.encode(e.event)) for e in entries])
    storage.close()
    return ContactId(callers[-1].name)


def _settings(agents: int) -> Settings:
    return Settings.model_validate(
        {
            "agents": [
                {"id": str(1001 + n), "secret": "s", "skills": {"english": 1 + n % 10}}
                for n in range(agents)
            ],
            "queues": [{"name": "support", "requirements": {"english": 3}}],
            "entry_points": [{"name": "support", "numbers": ["2001"]}],
        }
    )


if __name__ == "__main__":
    sys.exit(main())
