"""The auditor beside a real server: its figures are scraped, and its death harms nobody."""

from __future__ import annotations

import os
import signal

from actors import events as ev
from actors.ids import ContactId, QueueName
from actors.reasons import Outcome
from ccserver.journal import codec
from ccserver.journal.storage import SqliteStorage
from tests.peers.programs import PATIENCE, until
from tests.peers.test_command_line import processes

LOOK = {"audit__seconds": "1"}
LOOKED, FOUND = "ccserver_audit_age_seconds", "ccserver_audit_findings_total"


def test_a_call_is_found_to_be_true_and_the_auditor_comes_back_when_it_is_killed(
    start_server, sipp
):
    server = start_server(routing__wrap_up_seconds="1", **LOOK)
    sipp(server, "customer", pause=1.2).finish()
    until(lambda: "contact.ended" in server.events(), PATIENCE, "the end of the call")
    until(lambda: LOOKED in server.scrape(), PATIENCE, "the first look")

    first = processes(server, "audit")[-1]
    os.kill(first, signal.SIGKILL)
    until(lambda: processes(server, "audit")[-1:] not in ([], [first]), PATIENCE, "another auditor")
    until(lambda: server.figure(LOOKED) > 1.5, PATIENCE, "a time without a look")
    until(lambda: server.figure(LOOKED) < 1.5, PATIENCE, "a look of the new one")
    assert server.figure(FOUND) == 0


def test_a_journal_that_cannot_be_true_is_found_by_the_first_look(start_server, tmp_path):
    data = tmp_path / "var"
    storage = SqliteStorage(data / "journal.sqlite")
    ended = ev.ContactEnded(ev.ContactRef(ContactId("c1")), Outcome.HANDLED, QueueName("support"))
    storage.write([(1, 1, codec.tag_of(ended), codec.encode(ended))])
    storage.close()

    server = start_server(**LOOK)

    until(lambda: server.figure(FOUND) == 1, PATIENCE, "the finding")
    assert "audit: event 1: contact c1 ends and never began" in server.program.output()
