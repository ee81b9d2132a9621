from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccserver.settings.kinds import port_shares


@given(st.integers(1024, 65_000), st.integers(3, 500), st.integers(1, 64))
def test_each_share_of_the_ports_has_whole_pairs_of_its_own(first: int, more: int, shares: int):
    pairs = len(range(first + first % 2, first + more, 2))
    if pairs < shares:
        with pytest.raises(ValueError, match=r"^$"):
            port_shares(f"{first}-{first + more}", shares)
        return

    found = port_shares(f"{first}-{first + more}", shares)

    assert [low % 2 for low, _ in found] == [0] * shares
    assert found[0][0] in (first, first + 1)
    assert found[-1][1] in (first + more - 1, first + more)
    assert all(high + 1 == low for (_, high), (low, _) in pairwise(found))
    sizes = {(high + 1 - low) // 2 for low, high in found}
    assert sum((high + 1 - low) // 2 for low, high in found) == pairs
    assert max(sizes) - min(sizes) <= 1
