from __future__ import annotations

from pathlib import Path

from ccserver.settings import reference


def test_the_reference_of_the_configuration_is_up_to_date():
    written = Path("docs/configuration.md").read_text(encoding="utf-8")

    assert written == reference.markdown(), "stale: run `make docs`"


def test_every_key_says_what_it_is_for():
    for line in reference.markdown().splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), line
