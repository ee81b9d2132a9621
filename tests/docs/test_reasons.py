"""Each reason code has its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import reasons

TEXT = (Path(__file__).parents[2] / "docs" / "reasons.md").read_text()


@pytest.mark.parametrize(
    "code",
    [
        *reasons.OfferFailure,
        *reasons.NotFree,
        *reasons.IdleCode,
        *reasons.Refusal,
        *reasons.WebRefusal,
        *reasons.RoutingVerdict,
        *reasons.Outcome,
        *reasons.During,
        *reasons.EndedBy,
    ],
)
def test_a_code_has_its_text(code: str) -> None:
    assert f"`{code}`" in TEXT
