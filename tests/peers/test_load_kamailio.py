"""The load generator against a server that is not ours: Kamailio, as registrar and proxy."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from tests.peers.load import generator
from tests.peers.programs import LOOPBACK, Program, free_ports

CONFIG = Path(__file__).parent / "kamailio" / "kamailio.cfg"


def test_the_same_tool_drives_a_server_of_others(tmp_path: Path, cleanup: ExitStack):
    address = f"{LOOPBACK}:{free_ports()}"
    command = ["kamailio", "-DD", "-E", "-f", str(CONFIG), "-l", f"udp:{address}"]
    command += ["-Y", str(tmp_path), "-P", str(tmp_path / "kamailio.pid"), "-m", "64", "-M", "8"]
    cleanup.callback(Program(command, tmp_path / "kamailio.log").stop)

    load = generator(tmp_path, "direct.toml", f"target.address={address}")
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output() + (tmp_path / "kamailio.log").read_text()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["outcomes"] == {"handled": 8}
    assert result["offers"] == {"offered": 8, "answered": 8}
    assert result["latencies"]["register"]["count"] == 4
    assert result["latencies"]["agent"]["at"]["p50"] >= 0.3
