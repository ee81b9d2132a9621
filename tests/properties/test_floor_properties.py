"""Several agents, a queue and the dispatcher, with messages under way in any order.

What each of them promises alone is shown elsewhere; here, what they promise together.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors import engagement as eng
from actors import messages as m
from actors.ids import DISPATCHER, agent_actor, queue_actor
from tests.support.desk import PHONE_FAILURES
from tests.support.floor import QUEUE, Caller, Floor

COMMANDS = st.sampled_from([m.SetAvailable(), m.SetIdle("lunch"), m.SignOut(), m.EndWrapUp()])
WHY = st.sampled_from(PHONE_FAILURES)
IN_HAND = (eng.Reserved, eng.Engaged)


class FloorLife(RuleBasedStateMachine):
    """Nobody is given twice, nobody waits in vain, nobody is being offered for ever."""

    limit: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor(3, limit=self.limit, max_wait_seconds=300.0)
        self.made = 0
        for agent in self.floor.agent_ids:
            self.floor.arrives(agent)
        self.floor.settles()

    # --- who reads, and when ------------------------------------------------------------------

    @precondition(lambda self: self.floor.busy())
    @rule(data=st.data())
    def some_messages_are_read(self, data) -> None:
        for _ in range(data.draw(st.integers(0, 4))):
            if names := self.floor.busy():
                self.floor.handles(data.draw(st.sampled_from(names)))

    @precondition(lambda self: self.floor.busy())
    @rule(random=st.randoms(use_true_random=False))
    def everything_is_read(self, random) -> None:
        self.floor.settles(random.choice)
        self.all_agree()

    @precondition(lambda self: self.floor.timers and not self.floor.busy())
    @rule()
    def time_passes(self) -> None:
        """To the next instant at which a timer is due; whoever is told may read it later."""
        self.floor.ticks(min(self.floor.timers.values()))

    # --- agents -------------------------------------------------------------------------------

    @rule(data=st.data(), command=COMMANDS)
    def an_agent_commands(self, data, command) -> None:
        agent = data.draw(st.sampled_from(self.floor.agent_ids))
        self.floor.tell(agent_actor(agent), m.AgentCommandReceived(command, "test"))
        self.some_messages_are_read(data)

    @rule(data=st.data(), there=st.booleans())
    def an_agents_phone_comes_or_goes(self, data, there) -> None:
        agent = data.draw(st.sampled_from(self.floor.agent_ids))
        if there:
            self.floor.arrives(agent)
        else:
            self.floor.tell(agent_actor(agent), m.PhonesChanged(()))
        self.some_messages_are_read(data)

    # --- callers ------------------------------------------------------------------------------

    def callers(self, *states: str) -> list[Caller]:
        return [c for c in self.floor.callers.values() if c.state in states]

    def consulting(self, *states: str) -> list[Caller]:
        return [c for c in self.floor.callers.values() if c.consult_state in states]

    @precondition(lambda self: len(self.floor.callers) < 5)
    @rule(data=st.data())
    def somebody_calls(self, data) -> None:
        self.made += 1
        self.floor.now += 0.125
        avoid = data.draw(st.lists(st.sampled_from(self.floor.agent_ids), max_size=1))
        self.floor.calls(f"c{self.made}", tuple(avoid))
        self.some_messages_are_read(data)

    @precondition(lambda self: self.callers("ringing"))
    @rule(data=st.data())
    def a_phone_is_answered(self, data) -> None:
        caller = data.draw(st.sampled_from(self.callers("ringing")))
        self.floor.does(caller, caller.answers())
        self.some_messages_are_read(data)

    @precondition(lambda self: self.callers("ringing"))
    @rule(data=st.data(), why=WHY)
    def a_phone_refuses(self, data, why) -> None:
        caller = data.draw(st.sampled_from(self.callers("ringing")))
        self.floor.does(caller, caller.fails(why))
        self.some_messages_are_read(data)

    @precondition(lambda self: self.callers("talking"))
    @rule(data=st.data())
    def a_phone_falls_silent(self, data) -> None:
        caller = data.draw(st.sampled_from(self.callers("talking")))
        self.floor.does(caller, caller.loses_his_agent())
        self.some_messages_are_read(data)

    @precondition(lambda self: self.floor.callers)
    @rule(data=st.data())
    def somebody_hangs_up(self, data) -> None:
        caller = data.draw(st.sampled_from(list(self.floor.callers.values())))
        self.floor.does(caller, caller.ends())
        self.some_messages_are_read(data)

    @precondition(lambda self: self.floor.callers)
    @rule(data=st.data())
    def a_contact_crashes(self, data) -> None:
        self.floor.dies(data.draw(st.sampled_from(list(self.floor.callers.values()))))
        self.some_messages_are_read(data)

    @precondition(lambda self: any(c.consult_state == "none" for c in self.callers("talking")))
    @rule(data=st.data())
    def an_agent_consults_another(self, data) -> None:
        free = [c for c in self.callers("talking") if c.consult_state == "none"]
        caller = data.draw(st.sampled_from(free))
        agent = data.draw(st.sampled_from(self.floor.agent_ids))
        self.floor.does(caller, caller.consults(agent))
        self.some_messages_are_read(data)

    @precondition(lambda self: self.consulting("ringing"))
    @rule(data=st.data(), why=st.none() | WHY)
    def the_consulted_agent_answers_or_not(self, data, why) -> None:
        caller = data.draw(st.sampled_from(self.consulting("ringing")))
        answer = caller.consulted_answers() if why is None else caller.consult_fails(why)
        self.floor.does(caller, answer)
        self.some_messages_are_read(data)

    @precondition(lambda self: self.consulting("asking", "ringing", "talking"))
    @rule(data=st.data())
    def a_consult_is_ended(self, data) -> None:
        caller = data.draw(st.sampled_from(self.consulting("asking", "ringing", "talking")))
        self.floor.does(caller, caller.consult_ends())
        self.some_messages_are_read(data)

    # --- what holds ---------------------------------------------------------------------------

    @invariant()
    def an_agent_has_one_contact_at_most(self) -> None:
        for agent in self.floor.agent_ids:
            assert len(self.floor.agent(agent).engagements) <= 1

    @invariant()
    def whoever_waits_has_the_place_he_came_with(self) -> None:
        for name, waits in self.floor.dispatcher.index.waiting.items():
            caller = self.floor.callers.get(name)
            assert caller is None or waits.place == caller.place

    def all_agree(self) -> None:
        """Nothing is under way."""
        waiting = sorted(self.callers("waiting"), key=lambda caller: caller.place)
        assert self.floor.queue.order() == [caller.name for caller in waiting]
        index = self.floor.dispatcher.index
        assert set(index.waiting) == {caller.name for caller in waiting}
        free = {a for a in self.floor.agent_ids if self.floor.agent(a).fits()}
        assert set(index.available) == free
        if self.has_room():
            assert not [c.name for c in waiting if free - set(c.avoid)], "somebody waits in vain"
        assert not self.consulting("asking")
        self.both_sides_know_of_every_pair()
        self.nobody_is_offered_whom_no_phone_rings_for()

    def has_room(self) -> bool:
        """Whether the queue may have one agent more."""
        return True

    def both_sides_know_of_every_pair(self) -> None:
        believed = {(c.name, c.agent) for c in self.callers("ringing", "talking")}
        believed |= {
            (c.consult_request, c.consulted) for c in self.consulting("ringing", "talking")
        }
        in_hand = [
            (engagement.contact, agent)
            for agent in self.floor.agent_ids
            for engagement in self.floor.agent(agent).engagements.values()
            if isinstance(engagement.state, IN_HAND)
        ]
        assert sorted(in_hand) == sorted(believed)

    def nobody_is_offered_whom_no_phone_rings_for(self) -> None:
        """The queue does not know of one that rings: it overflowed, or the queue started again."""
        assert self.floor.queue.statistics().being_offered <= len(self.callers("ringing"))

    def teardown(self) -> None:
        self.floor.settles()
        self.all_agree()


class FloorWithALimit(FloorLife):
    """Two of the three serve at once, and nobody is counted who does not."""

    limit = 2

    def has_room(self) -> bool:
        served = {(c.agent, c.name) for c in self.callers("ringing", "talking")}
        assert self.floor.dispatcher.index.serving.get(QUEUE, set()) == served
        return len(served) < 2


class FloorInTrouble(FloorLife):
    """The same where agents, the queue and the dispatcher crash: two minutes mend everything."""

    crashed = False

    @rule(data=st.data())
    def somebody_starts_again(self, data) -> None:
        """Rather one who has something unread: it is lost."""
        residents = [DISPATCHER, queue_actor(QUEUE), *map(agent_actor, self.floor.agent_ids)]
        unread = [name for name in self.floor.busy() if name in residents]
        self.floor.starts_again(data.draw(st.sampled_from(unread or residents)))
        self.crashed = True
        self.some_messages_are_read(data)

    @rule()
    def two_minutes_pass(self) -> None:
        self.floor.passes(120.0)
        self.crashed = False
        self.all_agree()

    def all_agree(self) -> None:
        if not self.crashed:
            super().all_agree()

    def teardown(self) -> None:
        self.two_minutes_pass()


TestFloorLife = FloorLife.TestCase
TestFloorLife.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestFloorWithALimit = FloorWithALimit.TestCase
TestFloorWithALimit.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestFloorInTrouble = FloorInTrouble.TestCase
TestFloorInTrouble.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
