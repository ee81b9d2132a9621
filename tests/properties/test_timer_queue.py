"""The timer queue does what a list that is searched from end to end would do."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sip import timers
from sip.timers import TimerQueue

KEYS = st.sampled_from("abcdefgh")
"""Names that the test has for timers."""


class Model:
    """Rows of (deadline, number, key, payload)."""

    def __init__(self):
        self.rows, self.armed = [], 0

    def arm(self, key, deadline, payload):
        self.armed += 1
        self.rows.append((deadline, self.armed, key, payload))

    def cancel(self, key):
        self.rows = [row for row in self.rows if row[2] != key]

    def next_deadline(self):
        return min((row[0] for row in self.rows), default=None)

    def take(self, now):
        due = sorted(row for row in self.rows if row[0] <= now)
        self.rows = [row for row in self.rows if row[0] > now]
        return [row[3] for row in due]


class TimerQueueLife(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        # So that a sweep begins every few steps, and takes some.
        self.few = patch.multiple(timers, _FEW=4, _STEP=2)
        self.few.start()
        self.queue, self.model, self.now, self.payload = TimerQueue(), Model(), 0.0, 0
        self.armed = {}

    def teardown(self):
        self.few.stop()

    @rule(key=KEYS, seconds=st.sampled_from((-1.0, 0.0, 0.5, 4.0, 5.0, 32.0)))
    def arm(self, key, seconds):
        self.cancel(key)
        self.payload += 1
        self.armed[key] = self.queue.arm(self.now + seconds, self.payload)
        self.model.arm(key, self.now + seconds, self.payload)

    @rule(key=KEYS)
    def cancel(self, key):
        """Whatever became of it: it may have been due, or cancelled."""
        if key in self.armed:
            self.queue.cancel(self.armed[key])
        self.model.cancel(key)

    @rule(seconds=st.sampled_from((0.0, 0.5, 1.0, 4.0, 33.0)))
    def time_passes(self, seconds):
        self.now += seconds

        assert list(self.queue.due(self.now)) == self.model.take(self.now)

    @rule(keys=st.lists(KEYS, max_size=8), again=st.booleans())
    def what_is_due_cancels_and_arms_others(self, keys, again):
        cancelled, handled = set(), []
        for payload in self.queue.due(self.now):
            assert payload not in cancelled
            handled.append(payload)
            if keys:
                key = keys.pop()
                cancelled |= {row[3] for row in self.model.rows if row[2] == key}
                if key in self.armed:
                    self.queue.cancel(self.armed[key])
                if again:
                    self.queue.arm(self.now, -1)
        assert -1 not in handled
        for payload in handled:
            self.model.rows = [row for row in self.model.rows if row[3] != payload]
        self.model.rows = [row for row in self.model.rows if row[3] not in cancelled]
        if again:
            list(self.queue.due(self.now))

    @invariant()
    def they_agree(self):
        if hasattr(self, "queue"):
            assert len(self.queue) == len(self.model.rows)
            assert self.queue.next_deadline() == self.model.next_deadline()


TestTimerQueue = TimerQueueLife.TestCase
TestTimerQueue.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
