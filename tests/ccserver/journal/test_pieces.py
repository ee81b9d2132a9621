"""What is encoded or hashed in pieces is what it would be in one go."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Struct

from actors.ids import AgentId, QueueName
from actors.past import Past, PastAgent, PastCommand, PastPlace
from actors.place import Place
from ccserver.journal import pieces
from ccserver.journal.pieces import digest, packed, shown, size_of, sums


class Inner(Struct):
    numbers: dict[str, int]
    nested: dict[str, dict[str, int]]
    lists: dict[str, list[float]]


class Outer(Struct):
    format: int
    inner: Inner
    names: dict[str, str | None]
    empty: dict[str, int]


def state(entries: int) -> Outer:
    names = [f"n{number}" for number in range(entries)]
    inner = Inner(
        {name: len(name) for name in names},
        {name: {"a": 1, name: 2} for name in names[:40]},
        {name: [0.5] * 3 for name in names[:40]},
    )
    return Outer(7, inner, dict.fromkeys(names), {})


@pytest.mark.parametrize("entries", [0, 1, 15, 16, 100, 2**16 - 1, 2**16])
@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_the_pieces_together_are_what_is_encoded_in_one_go(
    monkeypatch, entries: int, most: int
) -> None:
    monkeypatch.setattr(pieces, "ENTRIES", max(most, entries // 100))
    whole = state(entries)
    assert b"".join(packed(whole)) == msgspec.msgpack.encode(whole)


def test_no_piece_has_many_more_entries_than_it_may(monkeypatch) -> None:
    monkeypatch.setattr(pieces, "ENTRIES", 10)
    found = list(packed(state(1_000)))
    assert len(found) > 2 * 1_000 / 20
    assert max(map(len, found)) < len(msgspec.msgpack.encode(state(1_000))) / 40


def test_the_entries_of_what_lies_in_a_mapping_count() -> None:
    assert size_of({"a": {"b": 1, "c": 2}, "d": [1.0, 2.0, 3.0], "e": 5}) == 6
    assert size_of("text") == size_of(None) == 1


def a_past(order: int) -> Past:
    """The same, come by in another order."""
    names = [AgentId(str(number)) for number in range(50)][::order]
    place = PastPlace(Place(5, 1.0, 1), "c1", 2.0)  # type: ignore[arg-type]
    left = dict.fromkeys(("anna", "bert")[::order], place)
    return Past(
        seq=9, agents={name: PastAgent(seq=int(name)) for name in names}, left={"support": left}
    )  # type: ignore[arg-type]


def test_the_digest_is_the_same_in_whatever_order_the_entries_came(monkeypatch) -> None:
    said = digest(a_past(1))
    assert len(said) == 64
    assert digest(a_past(-1)) == said
    monkeypatch.setattr(pieces, "HASHED", 3)
    parts = list(sums(a_past(1)))
    assert len(parts) > 10
    assert shown(sum(parts)) == said


def test_the_digest_is_the_same_of_an_answer_that_has_been_written_and_read_again() -> None:
    answer = {"ok": True, "what": Inner({"b": 1, "a": 2}, {}, {}), "allowed": ("hold", "resume")}
    past = Past(commands={"k": PastCommand("ada", "k", "d", 1.0, answer)})
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(past), type=Past)
    assert digest(again) == digest(past)


def test_whatever_differs_makes_another_digest() -> None:
    past = a_past(1)
    before = {digest(past)}
    past.seq += 1
    before.add(digest(past))
    past.agents[AgentId("7")].version += 1
    before.add(digest(past))
    past.agents[AgentId("8")], past.agents[AgentId("9")] = (
        past.agents[AgentId("9")],
        past.agents[AgentId("8")],
    )
    before.add(digest(past))
    past.given[QueueName("support")] = AgentId("7")
    before.add(digest(past))
    del past.left[QueueName("support")]["anna"]
    before.add(digest(past))
    assert len(before) == 6
