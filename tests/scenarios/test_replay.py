"""The journal alone gives the state that the server has (S17, I14), wherever one begins to read."""

from __future__ import annotations

from random import Random

import msgspec
import trio

from actors import commands as c
from actors.ids import AgentId
from actors.past import Past
from ccserver.journal import codec, folds
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest
from tests.support.restarting import mortal_centre

POINTS = 1_000


async def a_busy_day(floor) -> None:
    """Calls that are answered, missed, held, transferred and given up; and two restarts."""
    phones = {name: await floor.agent(name) for name in ("1001", "1002")}
    for day in range(4):
        callers = [floor.phone(f"caller{day}{n}") for n in range(3)]
        calls = [caller.dials("2001") for caller in callers]
        for name, phone in phones.items():
            offered = await phone.rings()
            phone.answers(offered)
            await offered.wait("talking")
            await trio.sleep(0.2 + int(name) % 7)
        callers[2].hangs_up(calls[2])
        await trio.sleep(2)
        contact = next(iter(floor.core.directory.contacts), None)
        if contact is not None and day % 2:
            await floor.tells(contact, "1001", c.Hold())
            await floor.tells(contact, "1001", c.Resume())
            await floor.tells(contact, "1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        for caller, call in zip(callers[:2], calls[:2], strict=True):
            if call.state == "talking":
                caller.hangs_up(call)
        await trio.sleep(20)
        if day in (1, 2):
            await floor.restarts()


async def test_a_thousand_points_give_one_state_each_however_it_is_come_by(
    autojump_clock, monkeypatch
) -> None:
    monkeypatch.setattr(folds, "EVERY", 7)
    async with mortal_centre() as floor:
        await a_busy_day(floor)
        rows = floor.disk.rows
        live = floor.core.folds.past.past

        whole = PastFold()
        digests = [digest(whole.past)]
        for seq, at, _, payload in rows:
            whole.apply(seq, at, codec.decode(payload))
            digests.append(digest(whole.past))
        assert digests[-1] == digest(live)

        random = Random(1)
        for _ in range(POINTS // 20):
            begin = random.randrange(len(rows))
            fold = PastFold()
            for seq, at, _, payload in rows[:begin]:
                fold.apply(seq, at, codec.decode(payload))
            checkpoint = msgspec.json.encode(fold.past)
            again = PastFold(msgspec.json.decode(checkpoint, type=Past))
            ends = sorted(random.sample(range(begin, len(rows)), min(20, len(rows) - begin)))
            for seq, at, _, payload in rows[begin:]:
                if again.past.seq in ends:
                    assert digest(again.past) == digests[again.past.seq]
                again.apply(seq, at, codec.decode(payload))
            assert digest(again.past) == digests[-1]
