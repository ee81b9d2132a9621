"""baresip, a softphone, driven over its control socket (netstrings of JSON)."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.peers.programs import LOOPBACK, PATIENCE, Program, free_ports, until
from tests.peers.server import Server

MODULE_PATH = "/usr/lib/baresip/modules"
MODULES = ("g711", "g722", "ausine", "aubridge", "sndfile", "uuid")
APPLICATIONS = ("account", "contact", "menu", "ctrl_tcp", "debug_cmd")


class Baresip:
    """One phone, that says a tone of ``hertz`` and records what it hears.

    ``secret`` None: it does not register (a customer from outside).
    """

    def __init__(
        self,
        server: Server,
        directory: Path,
        user: str,
        *,
        hertz: int,
        secret: str | None = None,
        codec: str = "PCMU",
        transport: str = "udp",
        answers: bool = False,
    ) -> None:
        self.server, self.user = server, user
        self.directory = directory / f"baresip-{user}"
        self.directory.mkdir()
        sip, control = free_ports(2), free_ports()
        rtp = free_ports(20)
        config = [
            "poll_method epoll",
            f"sip_listen {LOOPBACK}:{sip}",
            "call_max_calls 4",
            f"audio_player aubridge,nil{control}",
            f"audio_source ausine,{hertz}",
            f"audio_alert aubridge,alert{control}",
            "ausrc_srate 48000",
            "ausrc_channels 2",  # with one, ausine never gets going
            "auplay_channels 1",
            "audio_txmode thread",
            f"rtp_ports {rtp}-{rtp + 19}",
            f"net_interface {LOOPBACK}",
            "jitter_buffer_delay 1-4",
            f"snd_path {self.directory}",
            f"ctrl_tcp_listen {LOOPBACK}:{control}",
            f"module_path {MODULE_PATH}",
            *(f"module {name}.so" for name in MODULES),
            *(f"module_app {name}.so" for name in APPLICATIONS),
        ]
        account = [
            f"<sip:{user}@ccserver;transport={transport}>",
            f"auth_user={user}",
            f"auth_pass={secret or 'none'}",
            f"answermode={'auto' if answers else 'manual'}",
            f"audio_codecs={codec}/{16000 if codec == 'G722' else 8000}/1",
            f"regint={60 if secret else 0}",
            f'outbound="sip:{server.address};lr;transport={transport}"',
            "ptime=20",
        ]
        (self.directory / "config").write_text("\n".join(config) + "\n")
        (self.directory / "accounts").write_text(";".join(account) + "\n")
        (self.directory / "contacts").write_text("")
        self.program = Program(
            ["baresip", "-f", str(self.directory), "-v"], directory / f"baresip-{user}.log"
        )
        self._events: list[dict[str, Any]] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._control = until(lambda: self._connect(control), PATIENCE, "baresip's control socket")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _connect(self, port: int) -> socket.socket | None:
        assert self.program.process.poll() is None, self.program.output()
        try:
            return socket.create_connection((LOOPBACK, port))
        except OSError:
            return None

    def _read(self) -> None:
        data = b""
        with suppress(OSError):
            while received := self._control.recv(65536):
                data += received
                while b":" in data:
                    length, _, rest = data.partition(b":")
                    if len(rest) <= int(length):
                        break
                    message = json.loads(rest[: int(length)])
                    data = rest[int(length) + 1 :]
                    if message.get("event"):
                        self._events.append(message)
                    else:
                        self._answers.put(message)

    def command(self, command: str, parameters: str = "") -> str:
        request = {"command": command, "params": parameters, "token": "1"}
        text = json.dumps(request).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))
        answer = self._answers.get(timeout=10)
        return str(answer.get("data", ""))

    def dial(self, number: str) -> None:
        self.command("dial", f"sip:{number}@ccserver")

    def hang_up(self) -> None:
        self.command("hangup")

    def wait(self, kind: str, seconds: float = PATIENCE) -> None:
        """Until an event of this type has come: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED."""

        def came() -> bool:
            return any(event.get("type") == kind for event in self._events)

        until(came, seconds, f"{self.user}'s baresip to tell {kind}; {self.program.log}")

    def wait_registered(self) -> None:
        # REGISTER_OK may come before the control socket is ours: ask instead.
        until(lambda: "OK" in self.command("reginfo"), PATIENCE, f"{self.user} to be registered")

    def recording(self) -> Path:
        """What it has heard in its latest call."""
        files = sorted(self.directory.glob("dump-*-dec.wav"), key=lambda f: f.stat().st_mtime)
        return files[-1] if files else self.directory / "nothing"

    def stop(self) -> None:
        with suppress(OSError, queue.Empty):
            self._control.sendall(b'18:{"command":"quit"},')
        self.program.stop()
        self._control.close()
        self._reader.join(5)
