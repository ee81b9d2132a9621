"""An agent's baresip calls a number outside: a SIPp gateway answers, and is heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.commands import Principal
from ccserver.door import ask
from tests.peers.programs import LOOPBACK, free_ports
from tests.peers.server import Server
from tests.peers.sipp import Sipp
from tests.peers.sounds import write_tone
from tests.peers.test_conference import TONES, Floor


@pytest.mark.parametrize("way", ["desktop", "phone"])
def test_an_agent_calls_a_number_and_hears_who_answers(
    start_server: Callable[..., Server], tmp_path: Path, cleanup: ExitStack, way: str
) -> None:
    port = free_ports()
    server = start_server(
        routing__wrap_up_seconds="1",
        sip__algorithms='["MD5"]',
        trunks=f'[{{name = "pstn", from = ["{LOOPBACK}/32"], gateway = "{LOOPBACK}:{port}"}}]',
        dial_plan='[{prefix = "+44", trunk = "pstn"}, {prefix = "+449"}]',
    )
    floor = Floor(server, tmp_path, cleanup)
    write_tone(tmp_path / "voice.ulaw", TONES["+4420"], 1.0)
    gateway = Sipp(server, tmp_path, "gateway_speaks", port=port, seconds=60)
    cleanup.callback(gateway.stop)
    floor.agents("1001")
    agent, by = floor.phones["1001"], Principal("ada", "agent", "1001")  # type: ignore[arg-type]

    refused = ask(server.data, "agent.call", {"agent": "1001", "number": "+449123"}, None, by)
    assert refused["refused"] == "NOT_IN_DIAL_PLAN"
    if way == "desktop":
        assert ask(server.data, "agent.call", {"agent": "1001", "number": "+4420"}, None, by)["ok"]
    else:
        agent.dial("+4420")
    floor.wait_state("connected")
    floor.wait_ears(_1001={"+4420"})
    server.wait_figure("ccserver_outbound_calls", 1, state="talking")

    assert floor.does("1001", "end")["ok"]
    gateway.finish()
    server.wait_agent("1001", "available")
    server.wait_figure("ccserver_outbound_ended_total", 1, outcome="handled")
    server.wait_figure("ccserver_outbound_refused_total", 1, reason="NOT_IN_DIAL_PLAN")
    server.wait_figure("ccserver_contacts_offered_total", 0)
    server.wait_figure("ccserver_media_sessions", 0)
