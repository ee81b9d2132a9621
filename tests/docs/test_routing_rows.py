"""docs/routing-rows.md has every row, names tests that exist, and says which rows are not built."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "routing-rows.md"
NOT_BUILT = {"R18", "R19"}


def rows() -> dict[str, list[str]]:
    """What, test, and orders of each row."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"R\d\d", cells[0]):
            assert len(cells) == 4, line
            found[cells[0]] = cells[1:]
    return found


def test_every_row_is_there_and_has_a_test_or_is_not_built() -> None:
    found = rows()

    assert list(found) == [f"R{number:02}" for number in range(1, 26)]
    without = {row for row, (_, tests, _) in found.items() if "`" not in tests}
    assert without == NOT_BUILT
    assert all(found[row][1].startswith("not built: ") for row in NOT_BUILT)
    assert all(orders for _, _, orders in found.values())


def test_every_test_that_is_named_exists() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", text))

    named = {test for _, tests, _ in rows().values() for test in re.findall(r"`([^`]+)`", tests)}

    files = {name for name in named if "/" in name}
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    assert sorted(named - files - defined) == []


def test_a_test_that_carries_the_name_of_a_row_is_in_its_row() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests" / "actors").glob("test_*.py"))
    carrying = re.findall(r"def (test_\w+_(r\d\d))\(", text)

    missing = [test for test, row in carrying if f"`{test}`" not in rows()[row.upper()][1]]

    assert missing == []
