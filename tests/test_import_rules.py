"""The import rules are only worth what they cover: nobody forgets to add a machine."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

SHELLS = {"actors.base", "actors.guardian", "sip.endpoint", "sip.timer_shell", "sip.transport"}
WORDS = {"sip.capabilities"}
"""Constants only."""


def test_every_module_of_actors_and_sip_is_a_machine_or_a_known_shell():
    rules = ConfigParser()
    rules.read(".importlinter")
    machines = set(rules["importlinter:contract:machines"]["source_modules"].split())

    modules = {
        f"{package}.{path.stem}"
        for package in ("actors", "sip")
        for path in Path(package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }

    assert modules - SHELLS - WORDS <= machines
    assert not machines & SHELLS
