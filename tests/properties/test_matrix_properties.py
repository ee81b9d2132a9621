"""Whatever is asked of the matrix, in whatever order: each hears whom he should, in one stream."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.support.room import MUSIC, Party, Room

TONES = (440.0, 700.0, 1030.0, 1390.0, 1810.0)
CODECS = st.sampled_from(["PCMU", "PCMA", "G722"])
WHO = st.integers(0, len(TONES) - 1)


class Matrices(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.rows: dict[str, set[str]] = {}
        self.music: set[str] = set()

    def someone(self, number: int) -> str:
        names = sorted(self.rows)
        return names[number % len(names)]

    @precondition(lambda self: len(self.rows) < len(TONES))
    @rule(codec=CODECS)
    def enters(self, codec: str) -> None:
        hertz = min(set(TONES) - {party.hertz for party in self.room.parties.values()})
        name = f"p{hertz:.0f}"
        self.room.enter(name, hertz, codec)
        self.rows[name] = set()

    @precondition(lambda self: self.rows)
    @rule(who=WHO)
    def leaves(self, who: int) -> None:
        name = self.someone(who)
        self.one_stream(self.room.parties[name])
        self.room.leave(name)
        del self.rows[name]
        self.music.discard(name)
        for sources in self.rows.values():
            sources.discard(name)

    @precondition(lambda self: self.rows)
    @rule(who=WHO, sources=st.sets(WHO))
    def hears(self, who: int, sources: set[int]) -> None:
        name = self.someone(who)
        self.rows[name] = {self.someone(source) for source in sources} - {name}
        self.room.hear(**{name: sorted(self.rows[name])})

    @precondition(lambda self: len(self.rows) > 2)
    @rule()
    def confer(self) -> None:
        self.room.confer(*sorted(self.rows))
        self.rows = {name: set(self.rows) - {name} for name in self.rows}

    @precondition(lambda self: self.rows)
    @rule(who=WHO)
    def is_played_music(self, who: int) -> None:
        name = self.someone(who)
        self.room.plays_music(name)
        self.music.add(name)

    @precondition(lambda self: self.music)
    @rule()
    def all_music_ends(self) -> None:
        for name in sorted(self.music):
            self.room.matrix.stop_playing(self.room.parties[name].session, None)
        self.music.clear()

    @precondition(lambda self: self.rows)
    @rule(who=WHO, codec=CODECS)
    def takes_another_codec(self, who: int, codec: str) -> None:
        self.room.speaks(self.someone(who), codec)

    @rule(ticks=st.integers(1, 5))
    def time_passes(self, ticks: int) -> None:
        self.room.passes(ticks * 0.02)

    @precondition(lambda self: self.rows)
    @rule()
    def everybody_listens(self) -> None:
        for party in self.room.parties.values():
            self.one_stream(party)
        expected = {
            name: {self.room.parties[source].hertz for source in sources}
            | ({MUSIC} if name in self.music else set())
            for name, sources in self.rows.items()
        }
        assert self.room.ears(0.2) == expected

    def one_stream(self, party: Party) -> None:
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(party.heard)} <= {1}
        assert all(
            160 <= (b.timestamp - a.timestamp) % 2**32 < 2**31 for a, b in pairwise(party.heard)
        )

    def teardown(self) -> None:
        while self.rows:
            self.leaves(0)
        self.room.passes(0.04)
        assert self.room.matrix.mixer.rows == 0
        assert self.room.matrix.only_mixed() == []


Matrices.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestMatrices = Matrices.TestCase
