"""SIPp as phones and customers: whole calls over UDP and TCP, and those that go wrong."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from tests.peers.programs import PATIENCE, free_ports, until
from tests.peers.server import Server
from tests.peers.sipp import Sipp

Start = Callable[..., Sipp]


def register(sipp: Start, server: Server, agent: str) -> int:
    """The port of its phone."""
    port = free_ports(host=server.host)
    sipp(server, "register", port=port, user=agent, secret=f"secret-{agent}").finish()
    server.wait_agent(agent, "available")
    return port


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_customer_reaches_an_agent_and_hangs_up(server, sipp, transport):
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    sipp(server, "customer", transport=transport, pause=1.5).finish()
    agent.finish()
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
    server.wait_agent("1001", "available")
    assert server.figure("ccserver_dispatch_seconds_count") == 1
    assert server.figure("ccserver_wrap_up_seconds_count") == 1


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_call_over_ipv6_from_end_to_end(start_server, sipp, transport):
    server = start_server(host="::1", trunks__local__from='["::1"]')
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    sipp(server, "customer", transport=transport, pause=1.5).finish()
    agent.finish()
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")


def test_a_customer_cancels_before_he_is_answered(start_server, sipp):
    """The greeting answers at once; so the media process is held until he has given up, and has
    so few ports that none are in reserve.
    """
    first = free_ports(14)
    server = start_server(media__ports=f"{first}-{first + 13}")
    told = re.findall(r"media runs as process (\d+)", server.program.output())
    media = int(told[-1])
    os.kill(media, signal.SIGSTOP)
    try:
        sipp(server, "customer_cancels", pause=0.3).finish()
    finally:
        os.kill(media, signal.SIGCONT)
    server.wait_figure("ccserver_contacts_in_flow", 0)
    sipp(server, "customer", pause=1.2).finish()
    server.wait_figure("ccserver_contacts_abandoned_total", 1, queue="support", during="queue")


def test_an_agent_hangs_up_and_the_customer_is_let_go(server, sipp):
    agent = sipp(server, "agent_hangs_up", port=register(sipp, server, "1002"), pause=0.5)
    customer = sipp(server, "customer_waits", service="2001")
    agent.finish()
    customer.finish()
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")


def test_a_first_sigterm_lets_calls_go_on_and_a_second_ends_them(start_server, sipp):
    server = start_server(drain__seconds="60")
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    customer = sipp(server, "customer_waits")
    server.wait_agent("1001", "engaged")
    server.program.process.terminate()
    server.program.wait_for("draining: 1 calls")
    time.sleep(2)
    assert server.status()["agents"]["1001"]["state"] == "engaged"
    server.program.process.terminate()
    agent.finish()
    customer.finish()
    assert server.program.wait() == 0


def test_the_queue_asks_for_the_skill(server, sipp):
    """1004 speaks no Spanish: the customer waits for 1007."""
    register(sipp, server, "1004")
    customer = sipp(server, "customer_waits", service="2003")
    server.wait_figure("ccserver_queue_waiting", 1, queue="spanish")
    port = free_ports()
    sipp(server, "register", port=port, user="1007", secret="secret-1007").finish()
    agent = sipp(server, "agent_hangs_up", port=port, pause=0.3)
    agent.finish()
    customer.finish()
    assert server.status()["agents"]["1004"]["state"] == "available"


def test_a_customer_who_hangs_up_while_it_rings_costs_the_agent_nothing(server, sipp):
    agent = sipp(server, "agent_silent", port=register(sipp, server, "1001"))
    sipp(server, "customer", pause=1.5).finish()
    agent.finish()
    server.wait_figure("ccserver_contacts_abandoned_total", 1, queue="support", during="ringing")
    server.wait_agent("1001", "available")


def test_a_customer_who_hangs_up_while_he_waits_is_abandoned(server, sipp):
    sipp(server, "customer", pause=1.2).finish()
    server.wait_figure("ccserver_contacts_abandoned_total", 1, queue="support", during="queue")
    until(lambda: "contact.ended" in server.events(), 5, "the journal to have the end")
    contact = [event for event in server.events() if event.startswith("contact.")]
    assert contact == ["contact.arrived", "contact.queued", "contact.ended"]


def test_an_agent_who_does_not_answer_is_set_idle_and_the_next_one_rings(start_server, sipp):
    server = start_server(routing__rona_seconds="1.5")
    silent = sipp(server, "agent_silent", port=register(sipp, server, "1001"))
    customer = sipp(server, "customer_waits")
    silent.finish()
    server.wait_agent("1001", "idle")
    port = free_ports()
    sipp(server, "register", port=port, user="1002", secret="secret-1002").finish()
    next_one = sipp(server, "agent_hangs_up", port=port, pause=0.3)
    next_one.finish()
    customer.finish()
    assert server.status()["agents"]["1001"]["code"] == "rona"
    assert server.figure("ccserver_offers_failed_total", reason="RONA_TIMER_EXPIRED") == 1
    assert server.figure("ccserver_contacts_offered_total", queue="support") == 1


def test_a_busy_phone_sets_its_agent_idle_and_the_customer_waits_on(server, sipp):
    busy = sipp(server, "agent_busy", port=register(sipp, server, "1001"))
    sipp(server, "customer", pause=2.0).finish()
    busy.finish()
    server.wait_figure("ccserver_offers_failed_total", 1, reason="USER_BUSY")
    server.wait_agent("1001", "idle")


def test_a_customer_who_holds_is_answered_properly_and_comes_back(server, sipp):
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    sipp(server, "customer_holds", pause=0.8).finish()
    agent.finish()
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_wrong_password_registers_nothing(server, sipp, transport):
    sipp(server, "register_refused", transport=transport, user="1001", secret="wrong").finish()
    assert server.figure("ccserver_registrations") == 0
    assert server.status()["agents"]["1001"]["state"] == "signed_out"


def test_a_phone_that_registered_over_tcp_is_gone_with_its_connection(server, sipp):
    """SIPp ends, and its connection with it."""
    sipp(server, "register", transport="t1", user="1001", secret="secret-1001").finish()
    until(lambda: "phone.gone" in server.events(), PATIENCE, "the journal to have the phone's end")
    server.wait_agent("1001", "signed_out")
    assert server.figure("ccserver_registrations") == 0
    assert "phone.registered" in server.events()


def test_a_phone_is_called_over_the_connection_it_registered_by(server, sipp):
    """And is gone with it, when the call is long over."""
    phone = sipp(
        server,
        "register_and_stay",
        transport="t1",
        user="1001",
        secret="secret-1001",
        called="agent",
        pause=0.1,
    )
    server.wait_agent("1001", "available")
    sipp(server, "customer", transport="t1", pause=1.5).finish()
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
    phone.finish()
    server.wait_agent("1001", "signed_out")


def test_an_agent_nobody_knows_registers_nothing(server, sipp):
    sipp(server, "register_refused", user="9999", secret="secret-9999").finish()
    assert server.figure("ccserver_registrations") == 0


def test_a_stranger_is_asked_who_he_is(server, sipp):
    """127.0.0.2 is on no trunk."""
    sipp(server, "stranger", host="127.0.0.2").finish()
    assert server.figure("ccserver_contacts_offered_total") == 0
    assert server.figure("ccserver_contacts_in_flow") == 0
