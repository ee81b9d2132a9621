"""Whatever phones register, refresh and forget: the registrar knows those, and only those."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.registrar import (
    BindingAdded,
    BindingMoved,
    BindingRemoved,
    Limits,
    PhoneAnswered,
    PhoneSilent,
    Probe,
)
from sip.transport.path import Path
from tests.support.registering import Office

USERS = st.sampled_from(("1001", "1002"))
HOSTS = st.integers(1, 4)
SECONDS = st.sampled_from((60, 90, 300, 600))
MOST = 3


class RegistrarLife(RuleBasedStateMachine):
    """``model``: (user, contact) → the instant at which it expires."""

    @initialize(options=st.sampled_from((0.0, 45.0)))
    def begin(self, options):
        limits = Limits(max_bindings=MOST, options_seconds=options)
        self.office, self.options = Office(limits), options
        self.model, self.silences, self.wake_at = {}, {}, None
        self.known, self.asked = set(), []

    @rule(user=USERS, hosts=st.lists(HOSTS, max_size=4, unique=True), seconds=SECONDS)
    def register(self, user, hosts, seconds):
        contacts = [contact(user, host) for host in hosts]
        held = {name for owner, name in self.model if owner == user}
        fits = len(held | set(contacts)) <= MOST

        response = self.tell(user, [f"<{name}>;expires={seconds}" for name in contacts])

        assert response.status == (200 if fits else 403)
        if fits:
            for name in contacts:
                self.model[user, name] = self.office.clock.now + seconds
                self.silences.pop((user, name), None)
            self.lists_all(user, response)

    @rule(user=USERS, host=HOSTS)
    def unregister(self, user, host):
        response = self.tell(user, [f"<{contact(user, host)}>;expires=0"])

        self.forget(user, contact(user, host))
        self.lists_all(user, response)

    @rule(user=USERS)
    def unregister_all(self, user):
        response = self.tell(user, ["*"], [("Expires", "0")])

        for owner, name in list(self.model):
            if owner == user:
                self.forget(user, name)
        self.lists_all(user, response)

    @rule(user=USERS, host=HOSTS)
    def an_overtaken_register_comes(self, user, host):
        if (user, contact(user, host)) in self.model:
            response = self.tell(user, [f"<{contact(user, host)}>;expires=0"], number=1)
            assert response.status == 500

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds):
        clock = self.office.clock
        until = clock.now + seconds
        while self.wake_at is not None and self.wake_at <= until:
            clock.now = max(clock.now, self.wake_at)
            self.wake_up()
        clock.now = until

    @rule(seconds=st.floats(0, 400))
    def the_shell_is_late(self, seconds):
        self.office.clock.now += seconds
        if self.wake_at is not None and self.wake_at <= self.office.clock.now:
            self.wake_up()

    @precondition(lambda self: getattr(self, "asked", None))
    @rule(answers=st.booleans())
    def a_phone_that_was_asked(self, answers):
        user, name = self.asked.pop(0)
        if answers:
            self.silences.pop((user, name), None)
            self.hear(self.office.registrar.handle(PhoneAnswered(user, name)))
        elif (user, name) in self.model:
            self.silences[user, name] = self.silences.get((user, name), 0) + 1
            if self.silences[user, name] == 2:
                self.forget(user, name)
            self.hear(self.office.registrar.handle(PhoneSilent(user, name)))

    @invariant()
    def it_knows_whom_the_model_knows(self):
        if hasattr(self, "office"):
            registrar = self.office.registrar
            held = {
                (user, binding.contact): binding.expires_at
                for user in ("1001", "1002")
                for binding in registrar.bindings(user)
            }
            assert held == self.model
            assert len(registrar) == len(held)
            assert self.known == set(held), "what the effects told is not what is"

    @invariant()
    def a_timer_runs_in_time_while_there_is_something_to_wait_for(self):
        if hasattr(self, "office"):
            if self.model:
                assert self.wake_at is not None
                assert self.wake_at <= min(self.model.values()) + 1e-6
            else:
                assert self.wake_at is None

    # --- the shell ----------------------------------------------------------------------------

    def tell(self, user, contacts, extra=None, number=None):
        response, effects = self.office.register(
            *contacts,
            user=user,
            path=Path("udp", 0, ("192.0.2.7", 5060)),
            extra=extra,
            number=number,
        )
        if number is not None:
            self.office.number = max(self.office.number, number, self.highest())
        self.hear(effects)
        return response

    def highest(self):
        bindings = [b for u in ("1001", "1002") for b in self.office.registrar.bindings(u)]
        return max((binding.cseq for binding in bindings), default=0)

    def wake_up(self):
        self.wake_at = None
        now = self.office.clock.now
        effects = self.office.registrar.handle(TimerFired("due"))
        for (user, name), expires_at in list(self.model.items()):
            if expires_at <= now:
                self.forget(user, name)
        self.hear(effects)

    def hear(self, effects):
        for effect in effects:
            match effect:
                case BindingAdded(binding):
                    assert (binding.user, binding.contact) not in self.known
                    self.known.add((binding.user, binding.contact))
                case BindingMoved(binding) | Probe(binding):
                    assert (binding.user, binding.contact) in self.known
                    if isinstance(effect, Probe):
                        assert self.options
                        self.asked.append((binding.user, binding.contact))
                case BindingRemoved(binding, _):
                    self.known.remove((binding.user, binding.contact))
                case StartTimer("due", seconds):
                    assert seconds >= 0
                    self.wake_at = self.office.clock.now + seconds
                case CancelTimer("due"):
                    self.wake_at = None

    def forget(self, user, name):
        self.model.pop((user, name), None)
        self.silences.pop((user, name), None)

    def lists_all(self, user, response):
        assert len(response.header_all("Contact")) == sum(owner == user for owner, _ in self.model)


def contact(user, host):
    return f"sip:{user}@192.0.2.{host}:5060"


TestRegistrar = RegistrarLife.TestCase
TestRegistrar.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
