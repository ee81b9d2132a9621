"""SIGTERM while people talk (S10): they go on, nobody else comes in, a second signal hurries."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request

from tests.peers.programs import PATIENCE, free_ports, until

REASON = 'Reason: SIP;cause=503;text="Shutting down"'


def healthy(server) -> bool:
    try:
        with urllib.request.urlopen(server.metrics_url.replace("/metrics", "/healthz"), timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code != 503


def test_a_conversation_goes_on_and_a_second_signal_ends_it(start_server, sipp):
    server = start_server(drain__seconds="600")
    port = free_ports()
    sipp(server, "register", port=port, user="1001", secret="secret-1001").finish()
    server.wait_agent("1001", "available")
    server.program.wait_for("the web process is ready")  # else it is not told that we drain
    agent = sipp(server, "agent", port=port, pause=0.1)
    customer = sipp(server, "customer_waits")
    server.wait_agent("1001", "engaged")
    assert healthy(server)

    server.program.process.send_signal(signal.SIGTERM)
    until(lambda: not healthy(server), PATIENCE, "the server to drain")
    late = sipp(server, "customer_waits", seconds=8)
    assert late.program.wait() != 0
    assert "503 Service Unavailable" in late.messages()
    assert server.program.process.poll() is None
    assert server.status()["agents"]["1001"]["state"] == "engaged"

    server.program.process.send_signal(signal.SIGTERM)
    assert server.program.wait() == 0
    customer.finish()
    agent.finish()
    assert REASON in customer.messages()
    assert REASON in agent.messages()
    assert server.events()[-1] == "server.stopped"
    assert "warning" not in server.program.output().lower()
    assert "contact.ended" in server.events()
