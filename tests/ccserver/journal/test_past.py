"""What the journal comes to, and that it comes to the same wherever one begins."""

from __future__ import annotations

import msgspec
import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.past import Past, PastPlace
from actors.place import Place
from actors.reasons import During, OfferFailure, Outcome
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest
from sip.dialog import DialogSnapshot
from sip.registrar import Binding
from sip.transport.path import Path

SECOND = 1_000_000
NAME, ADA, SUPPORT, SALES = ContactId("c1"), AgentId("1001"), QueueName("support"), QueueName("b")
REF = ev.ContactRef(NAME)
CUSTOMER, PHONE = LegId("c1/0"), LegId("c1/1")
WAY = Path("udp", 0, ("10.0.0.9", 5060))
DIALOG = DialogSnapshot("x", "a", "b", "<sip:a>;tag=a", "<sip:b>;tag=b", "sip:b@h", (), 1, None)
ARRIVED = ev.ContactArrived(REF, EntryPointName("2001"), "anna", "2001", CUSTOMER)
PLACE = Place(5, 1_010.0, 7)


class Journal:
    """Events at their seconds; the run began at 1,000 of its own clock."""

    def __init__(self, boot: str = "b") -> None:
        self.fold = PastFold()
        self.second = 0.0
        self.seq = 0
        self.tells(0.0, ev.ServerStarted("1", "e", boot, 1_000.0))

    def tells(self, second: float, *events) -> Past:
        self.second = second
        for event in events:
            self.seq += 1
            self.fold.apply(self.seq, int(second * SECOND), event)
        return self.fold.past

    @property
    def contact(self):
        return self.fold.past.contacts[NAME]


def waits(journal: Journal) -> None:
    journal.tells(5.0, ARRIVED, ev.LegConfirmed(CUSTOMER, NAME, DIALOG, WAY))
    journal.tells(10.0, ev.ContactQueued(REF, SUPPORT, PLACE))


def talks(journal: Journal) -> None:
    waits(journal)
    journal.tells(20.0, ev.ContactPresented(REF, SUPPORT, ADA, PHONE, 0.1))
    journal.tells(25.0, ev.LegConfirmed(PHONE, NAME, DIALOG, WAY, called=True))
    journal.tells(25.0, ev.ContactConnected(REF, SUPPORT, ADA, PHONE, 15.0, 5.0))


def test_who_waits_is_known_with_his_place_and_since_when():
    journal = Journal()
    waits(journal)
    contact = journal.contact
    assert (contact.stage, contact.queue, contact.place) == ("waiting", SUPPORT, PLACE)
    assert (contact.arrived, contact.queued) == (1_005.0, 1_010.0)
    assert journal.fold.past.highest == 7


def test_an_offer_that_fails_leaves_him_where_he_was():
    journal = Journal()
    waits(journal)
    journal.tells(20.0, ev.ContactPresented(REF, SUPPORT, ADA, PHONE, 0.1))
    assert (journal.contact.stage, journal.contact.agent) == ("offered", ADA)
    journal.tells(38.0, ev.ContactOfferFailed(REF, SUPPORT, ADA, OfferFailure.RONA))
    journal.tells(38.0, ev.ContactQueued(REF, SUPPORT, PLACE, again=True))
    assert (journal.contact.stage, journal.contact.queued) == ("waiting", 1_010.0)


def test_who_talks_is_known_with_his_phone_and_since_when():
    journal = Journal()
    talks(journal)
    service, talk = journal.contact.service, journal.contact.talk
    assert (service.agent, service.since, service.waited) == (ADA, 1_025.0, 15.0)
    assert [(one.id, one.leg) for one in talk.participants] == [
        ("customer", CUSTOMER),
        (ADA, PHONE),
    ]


def test_a_leg_that_has_ended_is_kept_until_its_contact_says_what_became_of_it():
    journal = Journal()
    talks(journal)
    journal.tells(30.0, ev.LegDown(PHONE, NAME, "bye"))
    assert journal.fold.past.legs[PHONE].down is not None
    journal.tells(30.0, ev.ContactEnded(REF, Outcome.HANDLED, SUPPORT, ADA))
    assert PHONE not in journal.fold.past.legs
    assert CUSTOMER in journal.fold.past.legs  # its BYE is under way
    journal.tells(31.0, ev.LegDown(CUSTOMER, NAME, "local"))
    assert journal.fold.past == Past(
        journal.seq, 31 * SECOND, "b", 1_000.0, 0, highest=journal.fold.past.highest
    )


def leaves(journal: Journal, name: str, second: float, ani: str = "anna") -> None:
    ref = ev.ContactRef(ContactId(name))
    arrived = ev.ContactArrived(ref, EntryPointName("2001"), ani, "2001", LegId(f"{name}/0"))
    gone = ev.ContactEnded(ref, Outcome.ABANDONED, SUPPORT, during=During.QUEUE)
    journal.tells(second, arrived, ev.ContactQueued(ref, SUPPORT, PLACE))
    journal.tells(second + 10.0, gone)


def test_the_place_of_a_caller_who_hung_up_is_known_for_an_hour():
    journal = Journal()
    leaves(journal, "c1", 10.0)
    leaves(journal, "c2", 20.0, "anonymous")
    assert journal.fold.past.left == {SUPPORT: {"anna": PastPlace(PLACE, ContactId("c1"), 1_020.0)}}
    leaves(journal, "c3", 3_600.0, "bert")
    assert list(journal.fold.past.left[SUPPORT]) == ["anna", "bert"]
    leaves(journal, "c4", 3_700.0, "carl")
    assert list(journal.fold.past.left[SUPPORT]) == ["bert", "carl"]


def test_a_place_that_is_taken_up_again_is_known_no_more():
    journal = Journal()
    leaves(journal, "c0", 10.0)
    journal.tells(30.0, ARRIVED, ev.ContactQueued(REF, SUPPORT, PLACE, regained=ContactId("c0")))
    assert journal.fold.past.left == {SUPPORT: {}}


def test_what_was_known_of_places_and_talks_moves_with_the_clock():
    journal = Journal()
    leaves(journal, "c1", 10.0)
    journal.tells(20.0, ev.AgentStateChanged(ADA, "voice", "available", "reserved"))
    journal.tells(30.0, ev.ServerStarted("1", "e", "another boot", 30.0))
    past = journal.fold.past
    assert past.left[SUPPORT]["anna"].at == 20.0
    assert past.left[SUPPORT]["anna"].place.since == PLACE.since - 1_000.0
    assert past.handling.hands[ADA].since == 20.0


def test_a_wait_in_another_queue_begins_anew_and_its_customer_is_nobodys():
    journal = Journal()
    talks(journal)
    over = ev.ContactStateChanged(REF, 2, "connected", "over", 5.0, ())
    journal.tells(30.0, over, ev.ContactLeftQueue(REF, SUPPORT, ADA, 5.0))
    assert (journal.contact.stage, journal.contact.service) == ("flow", None)
    journal.tells(30.0, ev.ContactQueued(REF, SALES, PLACE))
    assert (journal.contact.queue, journal.contact.queued) == (SALES, 1_030.0)


def test_a_customer_who_is_sought_an_agent_by_name_is_in_nobodys_hands():
    journal = Journal()
    talks(journal)
    to = ev.ContactTransferred(REF, ADA, "agent:1002", "blind")
    journal.tells(30.0, to, ev.ContactStateChanged(REF, 2, "connected", "over", 5.0, ()))
    assert (journal.contact.stage, journal.contact.transfer) == ("handed_over", to)
    assert journal.contact.service.agent == ADA


def test_an_agents_wish_and_what_he_has_in_hand_are_two_things():
    journal = Journal()
    told = ev.AgentStateChanged(ADA, "voice", "signed_out", "available", since=1_001.0, seq=3)
    journal.tells(1.0, told)
    engaged = ev.AgentStateChanged(
        ADA, "voice", "reserved", "engaged", pending="idle:lunch", contact=NAME, queue=SUPPORT
    )
    journal.tells(9.0, engaged)
    agent = journal.fold.past.agents[ADA]
    assert (agent.wanted, agent.available_since, agent.seq) == ("available", 1_001.0, 3)
    assert (agent.state, agent.since, agent.pending) == ("engaged", 1_009.0, "idle:lunch")
    assert (agent.contact, agent.queue) == (NAME, SUPPORT)


def test_a_binding_lasts_as_its_last_refresh_said():
    journal = Journal()
    binding = Binding("1001", "sip:1001@10.0.0.9", WAY, "r", 1, 1_300.0)
    later = msgspec.structs.replace(binding, cseq=2, expires_at=1_500.0)
    registered = ev.PhoneRegistered(ADA, binding.contact, "udp", 1_300.0, binding)
    past = journal.tells(1.0, registered, ev.PhoneRefreshed(ADA, later))
    assert past.bindings == {ADA: {binding.contact: later}}
    journal.tells(2.0, ev.PhoneGone(ADA, binding.contact, "expired"))
    assert past.bindings == {}


@pytest.mark.parametrize(("boot", "shift"), [("b", 0.0), ("another", -1_060.0)])
def test_another_boot_has_another_clock_and_the_one_on_the_wall_tells_how_far(boot, shift):
    journal = Journal()
    talks(journal)
    journal.tells(60.0, ev.ServerStarted("1", "f", boot, 1_060.0 + shift))
    contact = journal.contact
    assert contact.place == Place(5, 1_010.0 + shift, 7)
    assert (contact.arrived, contact.restarts) == (1_005.0 + shift, 1)
    assert contact.service.since == 1_025.0 + shift


def test_the_clock_on_the_wall_may_jump_between_two_decisions():
    journal = Journal()
    waits(journal)
    decision = ev.Decision("agent", PLACE, (), {}, 0.0, 1, ())
    assigned = ev.ContactAssigned(NAME, SUPPORT, ADA, 1_020.0, 1_020.0, decision)
    journal.tells(3_620.0, assigned)  # an hour later, says the wall
    journal.tells(3_625.0, ev.ContactConnected(REF, SUPPORT, ADA, PHONE, 15.0, 5.0))
    assert journal.contact.service.since == 1_025.0


def test_one_digest_for_one_state():
    one, other = Journal(), Journal()
    talks(one)
    waits(other)
    assert digest(one.fold.past) != digest(other.fold.past)
    copy = msgspec.json.decode(msgspec.json.encode(one.fold.past), type=Past)
    assert digest(copy) == digest(one.fold.past)
