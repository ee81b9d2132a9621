"""A fresh machine gets the programs that the tests talk to, or says what it wants."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "install-peers"
PACKAGES = {
    *("sip-tester", "baresip-core", "linphone-cli", "pulseaudio", "prometheus", "kamailio"),
    "postgresql",
}


class Machine:
    """One on which nothing is installed but what ``program`` puts there."""

    def __init__(self, directory: Path) -> None:
        self._programs = directory / "bin"
        self._programs.mkdir()
        self.asked = directory / "asked"
        self.databases = directory / "postgresql"
        for name in ("bash", "dirname"):
            found = shutil.which(name)
            assert found
            (self._programs / name).symlink_to(found)

    def program(self, name: str, does: str) -> None:
        path = self._programs / name
        path.write_text(f"#!{shutil.which('bash')}\n{does}\n")
        path.chmod(0o755)

    def has_apt(self) -> None:
        self.program("apt-get", f'echo "$@" >> {self.asked}')

    def installs(self) -> tuple[int, str]:
        done = subprocess.run(
            [SCRIPT],
            env={"PATH": str(self._programs), "POSTGRESQL": str(self.databases)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_root_is_given_what_is_missing(machine: Machine) -> None:
    machine.has_apt()
    machine.program("id", "echo 0")
    machine.program("promtool", "exit 0")

    assert machine.installs() == (0, "")

    update, install = machine.asked.read_text().splitlines()
    assert update.endswith("update")
    assert set(install.split()) >= PACKAGES - {"prometheus"}
    assert "prometheus" not in install.split()


def test_services_that_debian_starts_do_not_keep_their_ports(machine: Machine) -> None:
    machine.has_apt()
    machine.program("id", "echo 0")
    machine.program("systemctl", f'echo "$@" >> {machine.asked}')

    assert machine.installs() == (0, "")

    asked = machine.asked.read_text().splitlines()
    assert asked[-2:] == [f"disable --quiet --now {name}" for name in ("kamailio", "postgresql")]


def test_a_postgresql_that_is_there_is_not_installed_again(machine: Machine) -> None:
    machine.has_apt()
    machine.program("id", "echo 0")
    (machine.databases / "15" / "bin").mkdir(parents=True)
    (machine.databases / "15" / "bin" / "postgres").touch()

    assert machine.installs() == (0, "")

    assert "postgresql" not in machine.asked.read_text().split()


def test_who_may_use_sudo_is_given_it_too(machine: Machine) -> None:
    machine.has_apt()
    machine.program("id", "echo 1000")
    machine.program("sudo", 'while [[ "$1" == -* ]]; do shift; done; [ "$1" = true ] || "$@"')

    assert machine.installs() == (0, "")

    assert set(machine.asked.read_text().split()) >= PACKAGES


def test_who_may_not_is_told_what_to_install_and_nothing_is_skipped(machine: Machine) -> None:
    machine.has_apt()
    machine.program("id", "echo 1000")
    machine.program("sudo", "exit 1")

    status, said = machine.installs()

    assert status == 1
    assert "as root, please: apt-get install" in said
    assert all(package in said for package in PACKAGES)
    assert '-m "not peer"' in said
    assert not machine.asked.exists()


def test_without_apt_it_names_what_it_wants(machine: Machine) -> None:
    machine.program("id", "echo 0")

    status, said = machine.installs()

    assert status == 1
    assert "no Debian" in said
    assert all(package in said for package in PACKAGES)


def test_a_failure_to_install_is_a_failure(machine: Machine) -> None:
    machine.program("id", "echo 0")
    machine.program("apt-get", "exit 100")

    assert machine.installs()[0] == 1
