"""Linphone as an agent's phone: registers, is called, hears the customer, holds, hangs up."""

from __future__ import annotations

import pytest

from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone, PulseAudio
from tests.peers.programs import PATIENCE, until
from tests.peers.sounds import hears, write_tone

CUSTOMER_TONE, AGENT_TONE = 440, 1110


@pytest.mark.parametrize("algorithms", ['["SHA-256"]', '["SHA-256", "MD5"]', '["MD5", "SHA-256"]'])
def test_a_linphone_proves_itself_with_sha_256_too(start_server, tmp_path, cleanup, algorithms):
    server = start_server(sip__algorithms=algorithms)
    sound = PulseAudio(tmp_path)
    cleanup.callback(sound.stop)
    agent = Linphone(server, sound, tmp_path, "1002", "secret-1002")
    cleanup.callback(agent.stop)
    server.wait_agent("1002", "available")


def test_a_customer_and_a_linphone_hear_each_other(server, tmp_path, cleanup):
    sound = PulseAudio(tmp_path)
    cleanup.callback(sound.stop)
    agent = Linphone(server, sound, tmp_path, "1002", "secret-1002")
    cleanup.callback(agent.stop)
    server.wait_agent("1002", "available")

    customer = Baresip(server, tmp_path, "+4420", hertz=CUSTOMER_TONE)
    cleanup.callback(customer.stop)
    customer.dial("2001")
    server.wait_figure("ccserver_contacts_being_offered", 1, queue="support")
    call = agent.wait_event("call-state-changed", "IncomingReceived")
    number = call.partition("Id:")[2].split()[0]
    ear = tmp_path / "speaker.wav"
    recorder = sound.record_speaker(ear)
    cleanup.callback(recorder.stop)
    agent.command(f"answer {number}")
    server.wait_agent("1002", "engaged")

    voice = tmp_path / "voice.wav"
    write_tone(voice, AGENT_TONE, 20.0)
    agent.command(f"incall-player-start {voice} {number}")
    until(
        lambda: hears(customer.recording(), AGENT_TONE, last=1.0),
        PATIENCE,
        "the customer to hear him",
    )
    until(
        lambda: ear.exists() and hears(ear, CUSTOMER_TONE, last=1.0),
        PATIENCE,
        "the agent to hear him",
    )

    agent.command(f"call-pause {number}")
    agent.wait_event("call-state-changed", "Paused")
    agent.command(f"call-resume {number}")
    agent.wait_event("call-state-changed", "StreamsRunning")
    assert server.figure("ccserver_contacts_in_service", queue="support") == 1

    agent.command(f"terminate {number}")
    customer.wait("CALL_CLOSED")
    server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
