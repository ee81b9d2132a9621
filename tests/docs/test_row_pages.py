"""docs/routing-rows.md and docs/survival-rows.md have every row of their class, name tests that
exist, and say which rows are not built.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


class Page(Struct, frozen=True):
    """``carrying``: where tests carry the names of rows."""

    name: str
    letter: str
    count: int
    not_built: frozenset[str]
    carrying: Path

    def rows(self) -> dict[str, list[str]]:
        """What, test, and how, of each row."""
        found = {}
        for line in (ROOT / "docs" / self.name).read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if re.fullmatch(rf"{self.letter}\d\d", cells[0]):
                assert len(cells) == 4, line
                found[cells[0]] = cells[1:]
        return found


ROUTING = Page("routing-rows.md", "R", 25, frozenset({"R18", "R19"}), TESTS / "actors")
SURVIVAL = Page("survival-rows.md", "S", 20, frozenset({"S20"}), TESTS)
pages = pytest.mark.parametrize("page", [ROUTING, SURVIVAL], ids=lambda page: page.name)


@pages
def test_every_row_is_there_and_has_a_test_or_is_not_built(page: Page) -> None:
    found = page.rows()

    assert list(found) == [f"{page.letter}{number:02}" for number in range(1, page.count + 1)]
    without = {row for row, (_, tests, _) in found.items() if "`" not in tests}
    assert without == page.not_built
    assert all(found[row][1].startswith("not built: ") for row in page.not_built)
    assert all(how for _, _, how in found.values())


@pages
def test_every_test_that_is_named_exists(page: Page) -> None:
    text = "\n".join(path.read_text() for path in TESTS.rglob("*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", text))

    cells = (tests for _, tests, _ in page.rows().values())
    named = {test for cell in cells for test in re.findall(r"`([^`]+)`", cell)}

    files = {name for name in named if "/" in name}
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    assert sorted(named - files - defined) == []


@pages
def test_a_test_that_carries_the_name_of_a_row_is_in_its_row(page: Page) -> None:
    text = "\n".join(path.read_text() for path in page.carrying.rglob("test_*.py"))
    carrying = re.findall(rf"def (test_\w+_({page.letter.lower()}\d\d))\(", text)

    rows = page.rows()
    missing = [test for test, row in carrying if f"`{test}`" not in rows[row.upper()][1]]

    assert carrying
    assert missing == []
