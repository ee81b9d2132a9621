from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccserver.media.__main__ import main


def test_the_process_says_when_it_is_ready_and_ends_when_it_is_told(tmp_path: Path):
    path = tmp_path / "media.sock"
    command = [sys.executable, "-m", "ccserver.media", "--socket", str(path)]
    command += ["--prompts", str(tmp_path), "--ports", "42100-42101", "--no-realtime"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        listening = path.is_socket()
        process.send_signal(signal.SIGTERM)
        process.wait(5)

    assert ready == "media ready: 127.0.0.1 ports 42100-42101, 0 prompts\n"
    assert listening
    assert process.returncode == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--ports", "80-90"),
        ("--ports", "20000"),
        ("--ports", "30000-20000"),
        ("--ports", "20000-70000"),
        ("--listen", "media.example.com"),
        ("--listen", "0.0.0.0"),
        ("--advertise", "2001:db8::1"),
        ("--advertise", "0.0.0.0"),
        ("--port-order", "sorted"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(["--socket", "/nowhere", option, value])

    assert option in capsys.readouterr().err
