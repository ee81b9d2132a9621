"""linphone-daemon, a softphone, driven over its Unix socket; it plays to PulseAudio null sinks."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.peers.programs import PATIENCE, Program, free_ports, until
from tests.peers.server import Server


class PulseAudio:
    """A sound server of its own: the phone's loudspeaker and microphone are null sinks."""

    def __init__(self, directory: Path) -> None:
        # A Unix socket's path is short; a test's directory may not be.
        self.directory = Path(tempfile.mkdtemp(prefix="pa"))
        self.socket = self.directory / "pulse"
        home = {
            name: str(self.directory) for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH")
        }
        self.environment = {**home, "PULSE_SERVER": f"unix:{self.socket}"}
        modules = [
            f"module-native-protocol-unix socket={self.socket} auth-anonymous=1",
            "module-null-sink sink_name=speaker rate=8000 channels=1",
            "module-null-sink sink_name=microphone rate=8000 channels=1",
        ]
        arguments = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ]
        arguments += [f"--load={module}" for module in modules]
        self.program = Program(arguments, directory / "pulseaudio.log", environment=home)
        until(self.socket.exists, PATIENCE, f"pulseaudio; {self.program.output()}")

    def record_speaker(self, path: Path) -> Program:
        arguments = ["parec", "--device=speaker.monitor", "--rate=8000", "--channels=1"]
        arguments += ["--format=s16le", "--file-format=wav", "--latency-msec=50", str(path)]
        return Program(arguments, path.with_suffix(".log"), environment=self.environment)

    def stop(self) -> None:
        self.program.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Linphone:
    """One registered phone."""

    def __init__(
        self, server: Server, sound: PulseAudio, directory: Path, user: str, secret: str
    ) -> None:
        home = directory / f"linphone-{user}"
        (home / ".local" / "share" / "linphone").mkdir(parents=True)
        (home / "data" / "linphone").mkdir(parents=True)
        port, rtp = free_ports(), free_ports(20)
        configuration = home / "rc"
        configuration.write_text(f"""[sip]
sip_port={port}
sip_tcp_port=-2
sip_tls_port=-2
default_proxy=0
use_ipv6=0
[proxy_0]
reg_proxy=<sip:{server.address}>
reg_route=<sip:{server.address};lr>
reg_identity=sip:{user}@ccserver
reg_expires=300
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={secret}
realm=ccserver
[net]
mtu=1300
firewall_policy=0
[rtp]
audio_rtp_port={rtp}-{rtp + 15}
video_rtp_port={rtp + 18}
[sound]
echocancellation=0
[video]
enabled=0
capture=0
display=0
""")
        pipe = f"lp-{user}-{os.getpid()}"
        arguments = ["linphone-daemon", "--pipe", pipe, "--config", str(configuration)]
        arguments += ["--log", str(home / "log"), "--disable-stats-events"]
        environment = {
            **sound.environment,
            "PULSE_SINK": "speaker",
            "PULSE_SOURCE": "microphone.monitor",
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home),
        }
        self.program = Program(
            arguments, directory / f"linphone-{user}.log", environment=environment
        )
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(PATIENCE)
        path = f"{tempfile.gettempdir()}/{pipe}"
        until(lambda: self._connect(path), PATIENCE, "linphone-daemon's socket")

    def _connect(self, path: str) -> bool:
        assert self.program.process.poll() is None, self.program.output()
        with suppress(OSError):
            self._control.connect(path)
            return True
        return False

    def command(self, command: str) -> str:
        self._control.sendall(command.encode() + b"\n")
        return self._control.recv(65536).decode(errors="replace")

    def wait_event(self, *words: str) -> str:
        """Until the daemon has told an event with all these words."""
        seen: list[str] = []

        def came() -> str | None:
            event = self.command("pop-event")
            if "Event-type" in event:
                seen.append(event)
            return event if all(word in event for word in words) else None

        found = until(came, PATIENCE, f"linphone to tell {words}; it told {seen}")
        assert found is not None
        return found

    def stop(self) -> None:
        with suppress(OSError):
            self._control.sendall(b"quit\n")
        self._control.close()
        self.program.stop()
