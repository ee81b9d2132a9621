"""What Prometheus is given: the names, labels and formats that other tools rely on."""

from __future__ import annotations

import gc
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from actors import events as ev
from actors.base import Actor, Mailbox, Post
from actors.ids import ContactId, EntryPointName, LegId
from actors.place import Place
from ccserver.journal.histogram import Histogram
from ccserver.journal.log import Journal
from ccserver.journal.mailboxes import Mailboxes, MailboxFigures
from ccserver.journal.metrics import Snapshot, families, render
from ccserver.journal.probes import GcPauses
from tests.support.figures import QUEUES, make_metrics

CONTRACT = {
    "ccserver_contacts_offered_total": {"queue"},
    "ccserver_contacts_handled_total": {"queue"},
    "ccserver_contacts_abandoned_total": {"queue", "during"},
    "ccserver_contacts_overflowed_total": {"queue"},
    "ccserver_contacts_failed_total": {"queue"},
    "ccserver_queue_waiting": {"queue"},
    "ccserver_queue_longest_wait_seconds": {"queue"},
    "ccserver_contacts_being_offered": {"queue"},
    "ccserver_contacts_in_service": {"queue"},
    "ccserver_agents": {"state"},
    "ccserver_dispatch_seconds_bucket": {"le"},
    "ccserver_answer_seconds_bucket": {"le"},
    "ccserver_talk_seconds_bucket": {"le"},
    "ccserver_call_state_seconds_bucket": {"state", "le"},
    "ccserver_wrap_up_seconds_bucket": {"le"},
    "ccserver_registrations": set(),
    "ccserver_sip_requests_total": {"method"},
    "ccserver_sip_responses_total": {"class"},
    "ccserver_media_packets_total": {"direction"},
    "ccserver_media_dropped_total": {"reason"},
    "ccserver_media_tick_lateness_seconds_bucket": {"le"},
    "ccserver_loop_lag_seconds_bucket": {"le"},
    "ccserver_gc_pause_seconds_bucket": {"le"},
    "ccserver_mailbox_messages_total": {"kind"},
    "ccserver_mailbox_peak": {"kind"},
    "ccserver_actors": {"kind"},
    "ccserver_journal_events_total": set(),
}


@pytest.fixture
def snapshot() -> Snapshot:
    journal = Journal.in_memory(lambda: 0.0)
    metrics = make_metrics(journal)
    ref = ev.ContactRef(ContactId("a01"))
    journal.append(ev.ContactArrived(ref, EntryPointName("support"), "+44", "2001", LegId("a01/0")))
    journal.append(ev.ContactQueued(ref, QUEUES[0], Place(5, 60.0, 1)))
    metrics.loop_lag.observe(0.002)
    return metrics.snapshot()


def samples(text: str) -> dict[str, float]:
    """``name{label="value"}`` to value."""
    return {
        sample.name + ("" if not sample.labels else str(sample.labels)): sample.value
        for family in plain_text(text)
        for sample in family.samples
    }


def test_every_metric_of_the_contract_is_there_with_its_labels(snapshot):
    body, _ = render(snapshot)
    found: dict[str, set[str]] = {}
    for family in plain_text(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set(sample.labels))
    assert {name: found.get(name) for name in CONTRACT} == CONTRACT


def test_the_events_of_the_journal_are_in_it(snapshot):
    shown = samples(render(snapshot)[0].decode())
    assert shown["ccserver_queue_waiting{'queue': 'support'}"] == 1
    assert shown["ccserver_queue_longest_wait_seconds{'queue': 'support'}"] == 40
    assert shown["ccserver_contacts_offered_total{'queue': 'support'}"] == 1
    assert shown["ccserver_contacts_offered_total{'queue': 'sales'}"] == 0
    assert shown["ccserver_journal_events_total"] == 2


def test_the_figures_of_the_other_parts_are_in_it(snapshot):
    shown = samples(render(snapshot)[0].decode())
    assert shown["ccserver_sip_requests_total{'method': 'INVITE'}"] == 3
    assert shown["ccserver_sip_requests_total{'method': 'REGISTER'}"] == 0
    assert shown["ccserver_sip_responses_total{'class': '2xx'}"] == 2
    assert shown["ccserver_media_packets_total{'direction': 'out'}"] == 9
    assert shown["ccserver_media_tick_lateness_seconds_bucket{'le': '0.005'}"] == 9
    assert shown["ccserver_media_tick_lateness_seconds_count"] == 10
    assert shown["ccserver_registrations"] == 2
    assert shown["ccserver_loop_lag_seconds_sum"] == 0.002


def test_without_a_media_process_its_figures_are_zero():
    metrics = make_metrics(Journal.in_memory(lambda: 0.0), media_figures=None)
    shown = samples(render(metrics.snapshot())[0].decode())
    assert shown["ccserver_media_packets_total{'direction': 'in'}"] == 0
    assert shown["ccserver_media_tick_lateness_seconds_count"] == 0


def test_open_metrics_is_given_to_who_asks_for_it(snapshot):
    body, kind = render(snapshot, "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    names = {family.name for family in open_metrics(body.decode())}
    assert "ccserver_contacts_offered" in names


def test_no_label_holds_an_id(snapshot):
    labels = {
        label
        for family in families(snapshot)
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {
        *("queue", "during", "state", "method", "class", "direction"),
        *("reason", "kind", "side", "le", "outcome", "how", "to"),
    }


@pytest.mark.peer
def test_promtool_finds_nothing_to_say(snapshot):
    body, _ = render(snapshot)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_bound_belongs_to_its_bucket_and_buckets_cumulate():
    histogram = Histogram((0.1, 0.5))
    for seconds in (0.1, 0.2, 0.5, 9.0):
        histogram.observe(seconds)
    assert histogram.figures().cumulated() == [("0.1", 1), ("0.5", 3), ("+Inf", 4)]
    assert histogram.figures().sum == pytest.approx(9.8)


def test_bounds_that_do_not_rise_are_an_error():
    with pytest.raises(ValueError, match="rising"):
        Histogram((0.5, 0.1))


def an_actor(waiting: int, peak: int, handled: int) -> Actor:
    mailbox = Mailbox(Post(), "leg")
    actor = Actor("leg", None, {}, None, mailbox)  # type: ignore[arg-type]
    mailbox.waiting, mailbox.peak, actor.handled = waiting, peak, handled
    return actor


def test_mailbox_figures_outlive_their_actors():
    mailboxes = Mailboxes()
    living = an_actor(waiting=2, peak=5, handled=10)
    assert mailboxes.figures({"leg": [living]})["leg"] == MailboxFigures(1, 2, 10, 5)
    mailboxes.ended("leg", living)
    other = an_actor(waiting=0, peak=1, handled=3)
    assert mailboxes.figures({"leg": [other]})["leg"] == MailboxFigures(1, 0, 13, 5)
    assert mailboxes.figures({})["leg"] == MailboxFigures(0, 0, 10, 5)


def test_a_pass_of_the_collector_is_measured_only_while_entered():
    pauses = GcPauses()
    with pauses:
        gc.collect()
    measured = sum(pauses.seconds.counts)
    gc.collect()
    assert measured >= 1
    assert sum(pauses.seconds.counts) == measured
