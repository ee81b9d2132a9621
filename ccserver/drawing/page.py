"""A page of HTML by itself: its style is in it, and it needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #212529; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #dee2e6 }
th:first-child, td:first-child, .words th, .words td { text-align: left }
.verdict { display: inline-block; padding: .2rem .8rem; border-radius: .3rem; color: #fff }
.passed { background: #2b8a3e }
.failed, .died { background: #c92a2a }
.unproved { background: #b35c00 }
.missed { color: #c92a2a; font-weight: 600 }
.note { border-left: 4px solid #b35c00; padding-left: .8rem }
svg { width: 100%; height: auto; background: #fff }
svg text { font: 11px sans-serif; fill: #495057 }
svg polyline { fill: none; stroke-width: 1.5 } svg .grid { stroke: #e9ecef }
svg .y { text-anchor: end }
svg .x { text-anchor: middle }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """``parts`` are HTML already; ``title`` is text."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *parts,
            "</body></html>",
            "",
        ]
    )


def section(title: str, drawing: str) -> Iterator[str]:
    """A heading and what is drawn below it; nothing where nothing is drawn."""
    if drawing:
        yield f"<h2>{escape(title)}</h2>"
        yield drawing


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Of text; a row that has the word missed in a cell of its own stands out."""
    if not rows:
        return
    yield "<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"
    for row in rows:
        kind = ' class="missed"' if "missed" in row else ""
        yield f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"
