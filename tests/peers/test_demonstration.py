from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from ccserver.door import NobodyThere, ask
from tests.peers.programs import LOOPBACK, Program, free_ports, until
from tests.peers.server import ROOT


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGHUP])
def test_a_newcomer_sees_calls_move(tmp_path: Path, cleanup: ExitStack, ended_by: signal.Signals):
    data, media = tmp_path / "var", free_ports(200)
    demo = Program(
        [
            *(sys.executable, "-m", "ccserver", "demo", "--own", "1001"),
            *("--config", str(ROOT / "config" / "ccserver.toml")),
            *("--set", f"sip.listen=udp:{LOOPBACK}:{free_ports()}"),
            *("--set", f"metrics.listen={LOOPBACK}:{free_ports()}"),
            *("--set", f"web.listen={LOOPBACK}:{free_ports()}"),
            *("--set", f"media.ports={media}-{media + 199}"),
            *("--set", f"data.dir={data}"),
        ],
        tmp_path / "demo.log",
    )
    cleanup.callback(demo.stop)

    def states() -> dict[str, str]:
        assert demo.process.poll() is None, demo.output()
        try:
            agents = ask(data, "status")["agents"]
        except NobodyThere:
            return {}
        return {name: agent["state"] for name, agent in agents.items()}

    until(lambda: "engaged" in states().values(), 60, "an agent to talk")
    assert states()["1001"] == "signed_out"

    demo.process.send_signal(ended_by)

    assert demo.wait() == 0
    assert "Traceback" not in demo.output()
