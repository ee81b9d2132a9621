"""Availability: what an agent wants, what the system sets, and what comes of it afterwards."""

from __future__ import annotations

from itertools import count

import pytest

from actors import messages as m
from actors.availability import (
    Availability,
    Available,
    Freed,
    Idle,
    Patience,
    Rested,
    SignedOut,
    Talked,
    Worked,
)
from actors.ids import ContactId
from actors.reasons import IdleCode, OfferFailure
from tests.support.desk import TARGET

CONTACT = ContactId("c1")
PHONES, NO_PHONE = m.PhonesChanged((TARGET,)), m.PhonesChanged(())
ANSWERED, SILENT = m.OfferAnswered(CONTACT), m.PhoneLost(CONTACT)
FAILED = m.OfferFailed(CONTACT, OfferFailure.BUSY)
AVAILABLE, LUNCH, HOME = m.SetAvailable(), m.SetIdle("lunch"), m.SignOut()


class Wants:
    """An availability, and whether anything is in hand."""

    def __init__(self, sign_in="on_register") -> None:
        self.busy, self.now = False, 100.0
        tickets = count(1)
        self.machine = Availability(
            sign_in, lambda: self.busy, lambda: self.now, lambda: next(tickets)
        )

    def hears(self, *messages) -> Wants:
        for message in messages:
            self.machine.handle(message)
        return self

    def takes_a_contact(self) -> Wants:
        self.busy = True
        return self

    def is_freed(self) -> Wants:
        self.busy = False
        return self.hears(Freed())

    @property
    def state(self) -> str:
        state = self.machine.state
        return f"idle:{state.code}" if isinstance(state, Idle) else self.machine.name


# --- nothing in hand --------------------------------------------------------------------------

STATES = {
    "signed_out": (HOME,),
    "idle:lunch": (LUNCH,),
    "available": (),
}


@pytest.mark.parametrize(
    ("before", "message", "after"),
    [
        ("signed_out", AVAILABLE, "available"),
        ("signed_out", LUNCH, "idle:lunch"),
        ("signed_out", HOME, "signed_out"),
        ("signed_out", PHONES, "signed_out"),  # another phone: he has gone home all the same
        ("signed_out", NO_PHONE, "signed_out"),
        ("signed_out", FAILED, "idle:agent_busy"),
        ("signed_out", ANSWERED, "signed_out"),
        ("signed_out", SILENT, "signed_out"),
        ("signed_out", Worked(), "signed_out"),
        ("signed_out", Freed(), "signed_out"),
        ("idle:lunch", AVAILABLE, "available"),
        ("idle:lunch", m.SetIdle("break"), "idle:break"),
        ("idle:lunch", HOME, "signed_out"),
        ("idle:lunch", PHONES, "idle:lunch"),
        ("idle:lunch", NO_PHONE, "signed_out"),
        ("idle:lunch", FAILED, "idle:agent_busy"),
        ("idle:lunch", ANSWERED, "idle:lunch"),
        ("idle:lunch", SILENT, "idle:lunch"),
        ("idle:lunch", Worked(), "idle:lunch"),
        ("idle:lunch", Freed(), "idle:lunch"),
        ("available", AVAILABLE, "available"),
        ("available", LUNCH, "idle:lunch"),
        ("available", HOME, "signed_out"),
        ("available", PHONES, "available"),
        ("available", NO_PHONE, "signed_out"),
        ("available", FAILED, "idle:agent_busy"),
        ("available", ANSWERED, "available"),
        ("available", SILENT, "idle:phone_lost"),
        ("available", Worked(), "available"),
        ("available", Freed(), "available"),
    ],
)
def test_every_message_in_every_state(before, message, after):
    wants = Wants().hears(PHONES, *STATES[before])
    assert wants.state == before
    assert wants.hears(message).state == after
    assert wants.machine.pending is None


def test_the_first_phone_signs_in_and_the_last_one_out():
    wants = Wants().hears(PHONES)
    assert wants.machine.state == Available(100.0, 1)
    assert wants.hears(NO_PHONE).machine.state == SignedOut()
    wants.now = 200.0
    assert wants.hears(PHONES).machine.state == Available(200.0, 2)


def test_with_manual_sign_in_a_phone_changes_nothing_by_itself():
    assert Wants("manual").hears(PHONES).state == "signed_out"
    assert Wants("manual").hears(PHONES, LUNCH, NO_PHONE).state == "idle:lunch"


def test_with_manual_sign_in_nobody_is_available_without_a_phone():
    """He is told why, and says himself when he is back."""
    wants = Wants("manual").hears(PHONES, AVAILABLE, NO_PHONE)
    assert wants.state == f"idle:{IdleCode.UNAVAILABLE}"
    assert wants.hears(PHONES).state == f"idle:{IdleCode.UNAVAILABLE}"
    assert wants.hears(AVAILABLE).state == "available"


def test_who_says_twice_that_he_is_available_keeps_his_place():
    wants = Wants().hears(PHONES)
    wants.now += 50
    assert wants.hears(AVAILABLE).machine.state == Available(100.0, 1)


# --- a contact in hand ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "coming", "after"),
    [
        (LUNCH, "idle:lunch", "idle:lunch"),
        (HOME, "signed_out", "signed_out"),
        (AVAILABLE, None, "available"),
    ],
)
def test_a_wish_is_seen_and_comes_true_afterwards(wish, coming, after):
    wants = Wants().hears(PHONES).takes_a_contact().hears(wish)
    assert (wants.state, wants.machine.coming) == ("available", coming)
    assert wants.is_freed().state == after
    assert wants.machine.coming is None


def test_the_last_wish_counts():
    wants = Wants().hears(PHONES).takes_a_contact().hears(LUNCH, HOME, m.SetIdle("break"))
    assert wants.machine.coming == "idle:break"
    assert wants.hears(AVAILABLE).machine.coming is None


def test_who_is_idle_and_wishes_to_be_available_is_so_from_when_it_comes_true():
    wants = Wants().hears(PHONES, LUNCH).takes_a_contact().hears(AVAILABLE)
    assert (wants.state, wants.machine.coming) == ("idle:lunch", "available")
    wants.now += 60
    assert wants.is_freed().machine.state == Available(160.0, 2)


@pytest.mark.parametrize(("message"), [SILENT, FAILED])
def test_what_the_system_sets_outlives_an_older_wish_to_be_available(message):
    wants = Wants().hears(PHONES, LUNCH).takes_a_contact().hears(AVAILABLE, message)
    assert wants.machine.coming is None
    assert wants.is_freed().machine.name == "idle"


@pytest.mark.parametrize(("wish", "after"), [(LUNCH, "idle:lunch"), (HOME, "signed_out")])
def test_what_he_wished_himself_comes_after_what_the_system_set(wish, after):
    wants = Wants().hears(PHONES).takes_a_contact().hears(wish, FAILED)
    assert wants.state == "idle:agent_busy"
    assert wants.is_freed().state == after


@pytest.mark.parametrize(
    ("sign_in", "coming"), [("on_register", "signed_out"), ("manual", "idle:agent_unavailable")]
)
def test_who_loses_his_phones_in_a_talk_is_not_available_after_it(sign_in, coming):
    wants = Wants(sign_in).hears(PHONES, AVAILABLE).takes_a_contact().hears(NO_PHONE)
    assert (wants.state, wants.machine.coming) == ("available", coming)
    assert wants.is_freed().state == coming


@pytest.mark.parametrize("sign_in", ["on_register", "manual"])
def test_a_phone_that_is_back_before_the_end_was_never_gone(sign_in):
    wants = Wants(sign_in).hears(PHONES, AVAILABLE).takes_a_contact().hears(NO_PHONE, PHONES)
    assert wants.machine.coming is None
    assert wants.is_freed().state == "available"


def test_who_wished_lunch_and_lost_his_phone_goes_to_lunch():
    wants = Wants("manual").hears(PHONES, AVAILABLE).takes_a_contact().hears(LUNCH, NO_PHONE)
    assert wants.machine.coming == "idle:lunch"
    assert wants.is_freed().state == "idle:lunch"


def test_an_agent_started_again_without_a_phone_comes_back_signed_out():
    wants = Wants().takes_a_contact()
    assert wants.machine.coming == "signed_out"
    assert wants.is_freed().state == "signed_out"


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (OfferFailure.RONA, IdleCode.RONA),
        (OfferFailure.NO_ANSWER, IdleCode.RONA),
        (OfferFailure.BUSY, IdleCode.BUSY),
        (OfferFailure.DECLINED, IdleCode.DECLINED),
        (OfferFailure.UNAVAILABLE, IdleCode.UNAVAILABLE),
        (OfferFailure.INVALID_NUMBER, IdleCode.INVALID_NUMBER),
    ],
)
def test_every_failure_has_its_idle_code_v6(reason, code):
    wants = Wants().hears(PHONES, m.OfferFailed(CONTACT, reason))
    assert wants.state == f"idle:{code}"


def test_a_media_error_is_nobodys_fault():
    wants = Wants().hears(PHONES, m.OfferFailed(CONTACT, OfferFailure.MEDIA_ERROR))
    assert wants.machine.state == Available(100.0, 1)


def test_a_channel_is_tried_three_times_more_and_an_answer_begins_anew():
    fails = m.OfferFailed(CONTACT, OfferFailure.CHANNEL_FAILURE)
    wants = Wants().hears(PHONES, fails, fails, fails)
    assert wants.machine.state == Available(100.0, 4)  # behind all the others, each time
    wants.hears(ANSWERED, fails, fails, fails)
    assert wants.state == "available"
    assert wants.hears(fails).state == f"idle:{IdleCode.CHANNEL_FAILURE}"


def test_who_has_worked_stands_behind_those_who_waited():
    wants = Wants().hears(PHONES)
    wants.now += 30
    assert wants.hears(Worked()).machine.state == Available(130.0, 2)


# --- offers that he misses --------------------------------------------------------------------


def patient(misses=3, **delays):
    wants = Wants()
    reasons = {OfferFailure[name.upper()]: seconds for name, seconds in delays.items()}
    wants.machine.configure("on_register", Patience(misses, reasons))
    return wants.hears(PHONES)


def misses(wants, why=OfferFailure.RONA):
    wants.takes_a_contact().hears(m.OfferFailed(CONTACT, why))
    return wants.is_freed()


def test_who_misses_three_in_a_row_is_idle_and_may_come_back_r15():
    wants = patient()
    assert misses(misses(wants)).state == "available"
    assert misses(wants).state == f"idle:{IdleCode.RONA}"
    wants.hears(AVAILABLE)
    assert misses(wants).state == "available"  # and is counted anew


def test_an_answer_between_two_misses_forgives_the_first():
    wants = misses(misses(patient()))
    wants.takes_a_contact().hears(ANSWERED)
    assert misses(misses(wants.is_freed())).state == "available"


def test_the_reason_of_the_last_miss_is_the_idle_code():
    wants = misses(misses(patient(2)), OfferFailure.BUSY)
    assert wants.state == f"idle:{IdleCode.BUSY}"


def test_who_has_missed_one_stands_behind_those_who_wait():
    wants = patient()
    wants.now += 50
    misses(wants)
    assert wants.machine.state == Available(150.0, 2)


@pytest.mark.parametrize(
    ("why", "until"),
    [
        (OfferFailure.RONA, None),
        (OfferFailure.BUSY, 160.0),
        (OfferFailure.DECLINED, 110.0),
        (OfferFailure.UNAVAILABLE, 130.0),
    ],
)
def test_he_is_left_alone_for_as_long_as_the_reason_says(why, until):
    wants = misses(patient(busy=60.0, declined=10.0, unavailable=30.0), why)
    assert wants.machine.state.rests_until == until
    assert wants.hears(Rested()).machine.state.rests_until is None


def test_who_is_left_alone_may_come_back_at_once_or_go():
    wants = misses(patient(busy=60.0), OfferFailure.BUSY)
    assert wants.hears(AVAILABLE).machine.state.rests_until is None
    wants = misses(patient(busy=60.0), OfferFailure.BUSY)
    assert wants.hears(LUNCH, Rested()).state == "idle:lunch"


def test_what_he_has_done_is_counted_from_his_sign_in():
    wants = Wants().hears(PHONES, Talked(60.0, True), Talked(5.0, False))
    assert (wants.machine.contacts, wants.machine.talked) == (1, 65.0)
    wants.hears(LUNCH, AVAILABLE)
    assert wants.machine.contacts == 1
    wants.hears(HOME, AVAILABLE)
    assert (wants.machine.contacts, wants.machine.talked) == (0, 0.0)
