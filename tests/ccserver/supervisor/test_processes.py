from __future__ import annotations

from pathlib import Path

from ccserver.settings import load
from ccserver.supervisor.processes import media_commands
from tests.peers.server import DEMONSTRATION


def test_each_media_process_has_a_socket_and_ports_of_its_own_and_none_of_our_secrets():
    changes = ["media.processes=2", "media.ports=20000-20007", "data.dir=var"]
    loaded = load(DEMONSTRATION, changes, {})

    one, other = media_commands(loaded, {"CCSERVER_WEB__TLS_KEY": "secret", "LANG": "C"})

    assert [one.name, other.name] == ["media", "media-2"]
    said = [dict(zip(each.arguments, each.arguments[1:], strict=False)) for each in (one, other)]
    assert [each["--ports"] for each in said] == ["20000-20003", "20004-20007"]
    assert [Path(each["--socket"]).name for each in said] == ["media.sock", "media-2.sock"]
    assert one.environment == other.environment == {"LANG": "C"}
