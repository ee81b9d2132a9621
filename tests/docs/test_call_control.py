"""docs/call-control.md has every row, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "call-control.md"
EXPECTED = {
    *(f"V-{number}" for number in (*range(1, 58), 82)),
    *("2.2", "2.3", "2.4", "2.5"),
    *("A09", "D04", "D08", "D09", "D10", "M12", "M13"),
    *("R10", "R11", "R12", "R13", "R15", "R16", "R24"),
}


def rows() -> dict[str, list[str]]:
    """The tests of each row."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] not in ("row", "---"):
            found[cells[0]] = re.findall(r"`([^`]+)`", cells[2])
    return found


def test_every_row_is_there_and_has_a_test() -> None:
    found = rows()

    assert set(found) == EXPECTED
    assert [row for row, tests in found.items() if not tests] == []


def test_every_test_that_is_named_exists() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", text))

    named = {test for tests in rows().values() for test in tests}

    files = {name for name in named if "/" in name}
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    assert sorted(named - files - defined) == []
