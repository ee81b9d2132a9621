"""What a customer does whom nobody saw do it: as others of that day, by a lot of his own."""

from __future__ import annotations

from math import inf

import pytest

from actors.ids import AgentId, ContactId, EntryPointName, QueueName
from actors.reasons import OfferFailure
from ccserver.whatif.courses import Course, Offer, Service, Spell
from ccserver.whatif.people import BACK, FEWEST, RANG, TALKED, People

SALES, NIGHT = QueueName("sales"), QueueName("night")
ADA = AgentId("1001")


def course(name: str, **more: object) -> Course:
    found = Course(ContactId(name), 0, EntryPointName("main"), "anna", "2001")
    for field, value in more.items():
        setattr(found, field, value)
    return found


def gave_up(name: str, waited: float, queue: QueueName = SALES) -> Course:
    return course(name, spells=[Spell(queue, 0, waited, gave_up=True)])


def served(name: str, waited: float, talked: float, queue: QueueName = SALES) -> Course:
    return course(
        name,
        spells=[Spell(queue, 0, waited)],
        offers=[Offer(ADA, 0, 3.0, answered=True)],
        services=[Service(queue, ADA, 0, talked)],
    )


def test_what_was_seen_is_done_again():
    people = People([gave_up("a", 40.0), served("b", 7.0, 90.0)])
    patience = people.patience(ContactId("a"), 0, NIGHT)
    conversation = people.conversation(ContactId("b"), 0, NIGHT)
    ring = people.ring(ContactId("b"), 0)
    assert (patience.seconds, patience.beyond) == (40.0, None)
    assert (conversation.service.talked, conversation.borrowed) == (90.0, False)
    assert (ring.after, ring.agent, ring.failure) == (3.0, ADA, None)


def test_who_was_answered_waits_longer_than_he_did_and_gives_up_when_others_did():
    people = People([*(gave_up(f"a{n}", 10.0 + n) for n in range(50)), served("b", 30.0, 90.0)])
    patience = people.patience(ContactId("b"), 0, SALES)
    assert patience.beyond == 30.0
    assert patience.seconds in {10.0 + n for n in range(21, 50)}


def test_who_outwaited_all_who_gave_up_gives_up_later_yet():
    """Half of all gave up within the half minute that is known of: so do half in the next."""
    day = [
        *(gave_up(f"a{n}", 10.0) for n in range(20)),
        *(served(f"b{n}", 30.0, 9.0) for n in range(20)),
    ]
    drawn = [People(day, seed).patience(ContactId("b0"), 0, SALES).seconds for seed in range(400)]
    assert min(drawn) > 30.0
    assert sum(each <= 60.0 for each in drawn) / 400 == pytest.approx(0.5, abs=0.06)


def test_where_nobody_gave_up_nobody_ever_does():
    people = People([served("b", 30.0, 90.0)])
    assert people.patience(ContactId("b"), 0, SALES).seconds == inf


def test_a_queue_has_its_own_patience_where_enough_gave_up_in_it():
    night = [gave_up(f"n{n}", 1000.0 + n, NIGHT) for n in range(FEWEST)]
    sales = [gave_up(f"s{n}", 10.0) for n in range(FEWEST - 1)]
    people = People([*night, *sales, served("b", 0.0, 90.0, NIGHT), served("c", 0.0, 90.0)])
    assert people.patience(ContactId("b"), 0, NIGHT).seconds >= 1000.0
    drawn = {
        People([*night, *sales, served("c", 0.0, 90.0)], seed)
        .patience(ContactId("c"), 0, SALES)
        .seconds
        for seed in range(40)
    }
    assert 10.0 in drawn  # of the whole day's, for one too few gave up in sales
    assert max(drawn) >= 1000.0
    assert people.patience(ContactId("c"), 0, SALES).beyond == 0.0


def test_who_was_never_answered_talks_as_another_of_his_queue():
    sales = [served(f"s{n}", 1.0, 60.0 + n) for n in range(FEWEST)]
    night = [served(f"n{n}", 1.0, 600.0 + n, NIGHT) for n in range(FEWEST)]
    people = People([*sales, *night, gave_up("a", 5.0, NIGHT)])
    borrowed = people.conversation(ContactId("a"), 0, SALES)
    assert borrowed.borrowed
    assert 600.0 <= borrowed.service.talked < 600.0 + FEWEST


def test_lots_are_the_contacts_own_and_others_with_another_seed():
    day = [*(gave_up(f"a{n}", 10.0 + n) for n in range(100)), served("b", 0.0, 9.0)]
    name = ContactId("b")
    alone = People(day).patience(name, 0, SALES)
    assert People(day).patience(name, 0, SALES) == alone
    assert People(reversed(day)).patience(name, 0, SALES) == alone  # whoever else came when
    assert len({People(day, seed).patience(name, 0, SALES) for seed in range(20)}) > 10


def test_a_phone_that_rang_in_vain_rings_in_vain_again_and_its_agent_is_away_as_long():
    missed = Offer(ADA, 0, 18.0, failure=OfferFailure.RONA, away=77.0)
    unknown = Offer(ADA, 0, 18.0, failure=OfferFailure.RONA)
    people = People([course("a", offers=[missed, unknown])])
    first, second = (people.ring(ContactId("a"), number) for number in (0, 1))
    assert (first.failure, first.away) == (OfferFailure.RONA, 77.0)
    assert second.away == 77.0  # as others were of whom it is known


def test_who_hung_up_while_it_rang_would_have_been_answered_later():
    rang = Offer(ADA, 0, 12.0)
    people = People([course("a", offers=[rang]), served("b", 1.0, 60.0)])
    ring = people.ring(ContactId("a"), 0)
    assert (ring.after, ring.failure) == (15.0, None)


def test_of_a_day_without_any_answer_something_is_assumed():
    people = People([gave_up("a", 5.0)])
    name = ContactId("a")
    assert people.conversation(name, 0, SALES).service.talked == TALKED
    assert (people.ring(name, 0).after, people.ring(name, 0).away) == (RANG, BACK)


@pytest.mark.parametrize("seed", range(3))
def test_lots_are_spread_evenly(seed):
    day = [*(gave_up(f"a{n}", 1.0 + n) for n in range(100))]
    day += [served(f"b{n}", 0.0, 9.0) for n in range(1000)]
    people = People(day, seed)
    drawn = [people.patience(ContactId(f"b{n}"), 0, SALES).seconds for n in range(1000)]
    # Nobody gave up before a second; nine tenths of the drawn reach as far as those who did.
    for share in (0.25, 0.5, 0.75):
        below = sum(each <= 100 * share for each in drawn) / 1000
        assert below == pytest.approx(share, abs=0.06)
