"""Two softphones talk through a queue: each says a tone, and the other must hear it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.conftest import GREETING, MUSIC
from tests.peers.programs import PATIENCE, until
from tests.peers.server import Server
from tests.peers.sounds import hears

CUSTOMER_TONE, AGENT_TONE = 440, 960


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    # Debian's baresip gives up at any challenge that is not MD5, whatever stands beside it.
    return start_server(routing__wrap_up_seconds="1", sip__algorithms='["MD5"]')


@pytest.fixture
def phone(server: Server, tmp_path: Path, cleanup: ExitStack) -> Callable[..., Baresip]:
    def start(user: str, **options: object) -> Baresip:
        started = Baresip(server, tmp_path, user, **options)  # type: ignore[arg-type]  # passed on
        cleanup.callback(started.stop)
        return started

    return start


def until_heard(phone: Baresip, hertz: float) -> None:
    def heard() -> bool:
        path = phone.recording()
        return path.exists() and hears(path, hertz, last=1.0)

    until(heard, PATIENCE, f"{phone.user} to hear {hertz} Hz")


@pytest.mark.parametrize(
    ("codec", "transport"),
    [("PCMU", "udp"), ("PCMA", "tcp"), ("G722", "udp")],
    ids=["same codec", "transcoded, tcp", "mixed with wide band"],
)
def test_music_while_waiting_then_each_hears_the_other(server, phone, codec, transport):
    agent = phone("1001", hertz=AGENT_TONE, secret="secret-1001", codec=codec, transport=transport)
    server.wait_agent("1001", "available")
    server.command("agent.set_idle", agent="1001", code="lunch")
    customer = phone("+4420", hertz=CUSTOMER_TONE)
    customer.dial("2001")
    until_heard(customer, MUSIC)
    assert hears(customer.recording(), GREETING)
    assert server.figure("ccserver_queue_waiting", queue="support") == 1

    server.command("agent.set_available", agent="1001")
    agent.wait("CALL_INCOMING")
    server.wait_agent("1001", "reserved")
    agent.command("accept")
    until_heard(agent, CUSTOMER_TONE)
    until_heard(customer, AGENT_TONE)
    until(lambda: not hears(customer.recording(), MUSIC, last=0.5), 5, "the music to have stopped")
    # The media process counts by itself and tells now and then: the tones can be heard before.
    sent = partial(server.figure, "ccserver_media_packets_total", direction="out")
    until(lambda: sent() > 50, PATIENCE, "the packets to be counted")

    customer.hang_up()
    agent.wait("CALL_CLOSED")
    server.wait_agent("1001", "available")
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
    server.wait_figure("ccserver_media_sessions", 0)


def test_an_agent_signs_out_and_in_by_dialling(server, phone):
    agent = phone("1003", hertz=AGENT_TONE, secret="secret-1003")
    agent.wait_registered()
    server.wait_agent("1003", "available")
    agent.dial("*52")
    server.wait_agent("1003", "idle")
    agent.wait("CALL_CLOSED")
    agent.dial("*51")
    server.wait_agent("1003", "available")
