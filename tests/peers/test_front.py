"""Several cores behind one address: the Kamailio of docs/examples/front, as it is."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.peers.load import generator
from tests.peers.programs import LOOPBACK, PATIENCE, Program, free_ports, until
from tests.peers.server import ROOT, Server

FRONT = "127.0.0.2"
"""An address of its own, so that phones are not where their requests come from."""
EXAMPLE = ROOT / "docs" / "examples" / "front"


class Centre:
    """Two servers, and the front before them at ``address``."""

    def __init__(self, directory: Path, prompts: Path, cleanup: ExitStack) -> None:
        self.servers = {}
        for name in ("sales", "support"):
            (directory / name).mkdir()
            self.servers[name] = server = Server(
                directory / name,
                prompts,
                sip__realm=f"{name}.example.com",
                trunks=f'[{{name="front",from=["{FRONT}"]}}]',
                routing__wrap_up_seconds="0",
                drain__seconds="60" if name == "sales" else "0",
            )
            cleanup.callback(server.stop)
        cores = directory / "cores.list"
        places = [self.servers[name].address for name in ("sales", "support")]
        cores.write_text("".join(f"{n} sip:{place}\n" for n, place in enumerate(places, 1)))
        self.address = f"{FRONT}:{free_ports(host=FRONT)}"
        command = ["kamailio", "-DD", "-E", "-f", str(EXAMPLE / "kamailio.cfg")]
        command += ["-l", f"udp:{self.address}", "-A", f'CORES="{cores}"', "-m", "64", "-M", "8"]
        command += ["-Y", str(directory), "-P", str(directory / "kamailio.pid")]
        for server in self.servers.values():
            server.wait_ready()
        self.program = Program(command, directory / "kamailio.log")
        cleanup.callback(self.program.stop)

    def calls(self, directory: Path, name: str, number: str) -> Program:
        """Four calls of this number, and four agents of this domain for them."""
        directory.mkdir()
        return generator(
            directory,
            "direct.toml",
            f"target.address={self.address}",
            f"target.domain={name}.example.com",
            f"callers.kinds.callers.dial={number}",
            "arrivals.process=constant",
            'arrivals.phases=[{name="all",seconds=2,rate=2}]',
        )

    def wait_answer(self, number: str, status: str) -> str:
        """Until a caller of this number is answered so; the whole answer."""

        def so() -> str | None:
            answer = self._ask(number)
            return answer if answer.startswith(f"SIP/2.0 {status}\r\n") else None

        return until(so, PATIENCE, f"{number} to be answered {status}") or ""

    def _ask(self, number: str) -> str:
        """The final answer to a caller who offers no audio, and never acknowledges it."""
        host, _, port = self.address.partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.bind((LOOPBACK, 0))
            caller.settimeout(PATIENCE)
            caller.connect((host, int(port)))
            here = f"{LOOPBACK}:{caller.getsockname()[1]}"
            caller.send(
                (
                    f"INVITE sip:{number}@{self.address} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{uuid4().hex}\r\n"
                    "Max-Forwards: 70\r\n"
                    f"From: <sip:+4420@{LOOPBACK}>;tag=1\r\n"
                    f"To: <sip:{number}@{self.address}>\r\n"
                    f"Call-ID: {uuid4().hex}\r\n"
                    "CSeq: 1 INVITE\r\n"
                    f"Contact: <sip:{here}>\r\n"
                    "Content-Length: 0\r\n\r\n"
                ).encode()
            )
            while True:
                answer = caller.recv(65536).decode()
                if not answer.startswith("SIP/2.0 1"):
                    return answer


@pytest.fixture
def centre(tmp_path: Path, prompts: Path, cleanup: ExitStack) -> Centre:
    return Centre(tmp_path, prompts, cleanup)


def test_a_front_sends_each_domain_to_its_core_and_refuses_what_is_of_a_core_that_is_away(
    centre: Centre, tmp_path: Path, cleanup: ExitStack
) -> None:
    for name, number in (("sales", "2002"), ("support", "2001")):
        load = centre.calls(tmp_path / f"load-{name}", name, number)
        cleanup.callback(load.stop)
        assert load.wait() == 0, load.output() + centre.program.output()
        result = json.loads((tmp_path / f"load-{name}" / "result.json").read_text())
        assert result["outcomes"] == {"handled": 4}
        assert result["latencies"]["register"]["count"] == 4
        server = centre.servers[name]
        server.wait_figure("ccserver_contacts_handled_total", 4, queue=name)
        assert server.figure("ccserver_contacts_handled_total") == 4

    sales = centre.servers["sales"].program.process
    centre.wait_answer("2009", "404 No Core Has It")
    centre.wait_answer("2002", "200 OK")
    sales.terminate()
    assert "\r\nRetry-After: 5\r\n" in centre.wait_answer("2002", "503 Its Core Is Busy")
    sales.terminate()
    assert "\r\nRetry-After: 5\r\n" in centre.wait_answer("2002", "503 Its Core Is Away")
    centre.wait_answer("2001", "200 OK")
