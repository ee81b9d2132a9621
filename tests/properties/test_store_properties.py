"""The store's fold is its rows: stopped anywhere and given them back, it goes on to the same."""

from __future__ import annotations

from copy import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from ccserver.journal import codec
from ccserver.store.fold import StoreFold
from ccserver.store.rows import Decision
from tests.support.journals import everything
from tests.support.stored import Rows, kept


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 1900), max_size=12))
def test_wherever_the_fold_is_stopped_it_goes_on_to_the_same_rows(stops: list[int]) -> None:
    entries = everything()
    events = [(seq, at, codec.decode(payload)) for seq, at, _, payload in entries]
    whole, stopped = StoreFold(), StoreFold()
    rows: Rows = {}
    for number, event in enumerate(events):
        whole.apply(*event)
        if number in stops:
            kept(stopped, rows)
            ended = (Decision,)
            stopped = StoreFold(
                copy(row)
                for row in rows.values()
                if not isinstance(row, ended) and row.ended_at is None
            )
        stopped.apply(*event)
    kept(stopped, rows)
    assert rows == {(type(row), row.id): row for row in whole.take().new}
