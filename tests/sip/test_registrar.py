"""RFC 3261 §10.3, step by step; then time."""

from __future__ import annotations

import pytest

from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import Credentials, MalformedMessage
from sip.registrar import (
    Binding,
    BindingAdded,
    BindingMoved,
    BindingRefreshed,
    BindingRemoved,
    Limits,
)
from sip.registrar.registrar import MOST_AT_ONCE
from sip.transport.path import Path
from tests.support.registering import HERE, Office, credentials, make_register, nonce_of

A, B = "<sip:1001@192.0.2.7:5060>", "<sip:1001@192.0.2.8:5060>"
URI_A = "sip:1001@192.0.2.7:5060"
URI_B = "sip:1001@192.0.2.8:5060"
DEVICE = ';+sip.instance="<urn:uuid:00000000-0000-0000-0000-000000000001>"'
ELSEWHERE = Path("udp", 0, ("203.0.113.5", 40000))


# --- steps 3 and 4: who asks ----------------------------------------------------------------------


def test_a_register_without_credentials_is_challenged_and_changes_nothing():
    office = Office()

    response, effects = office.hear(make_register([A]))

    assert response.status == 401
    challenges = [Credentials.parse(text) for text in response.header_all("WWW-Authenticate")]
    assert [c.algorithm for c in challenges] == ["MD5", "SHA-256"]
    assert effects == []
    assert len(office.registrar) == 0


def test_an_old_nonce_is_told_as_stale_and_the_next_answer_is_right():
    office = Office()
    nonce = nonce_of(office.authenticator.challenges("192.0.2.7")[0])
    office.clock.now += 61
    late = make_register([A], extra=[("Authorization", credentials(nonce))])

    response, _ = office.hear(late)

    challenge = Credentials.parse(response.header("WWW-Authenticate") or "")
    assert (response.status, challenge.params["stale"]) == (401, "true")
    proof = ("Authorization", credentials(challenge.nonce))
    assert office.hear(make_register([A], number=2, extra=[proof]))[0].status == 200


def test_a_stranger_cannot_tell_a_wrong_password_from_a_wrong_name():
    office = Office()
    answers = []
    for user in ("1001", "nobody"):
        nonce = nonce_of(office.authenticator.challenges("192.0.2.7")[0])
        proof = credentials(nonce, user=user, password="guess")
        request = make_register([A], user=user, extra=[("Authorization", proof)])
        response, effects = office.hear(request)
        answers.append((response.status, list(response.fields), effects))

    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_a_user_registers_itself_only():
    office = Office()
    nonce = nonce_of(office.authenticator.challenges("192.0.2.7")[0])
    proof = ("Authorization", credentials(nonce, user="1001"))

    response, effects = office.hear(make_register([A], user="1002", extra=[proof]))

    assert response.status == 403
    assert effects == []


def test_a_to_tag_does_no_harm():
    office = Office()
    request = make_register([A])
    request.fields["To"] = ("<sip:1001@ccserver>;tag=odd",)
    nonce = nonce_of(office.authenticator.challenges("192.0.2.7")[0])
    request.fields["Authorization"] = (credentials(nonce),)

    assert office.hear(request)[0].status == 200


# --- step 5: whose name it is ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain",
    ["ccserver", "CCSERVER", "pbx.example.com", "pbx.example.com.", "[2001:db8::1]", "192.0.2.1"],
)
def test_a_phone_registers_under_any_name_of_ours(domain):
    """192.0.2.1 is where this phone sees us."""
    office = Office()

    response, effects = office.register(A, domain=domain, local="192.0.2.1")

    assert response.status == 200
    assert isinstance(effects[0], BindingAdded)


def test_an_ipv6_address_is_the_same_however_it_is_written():
    assert Office().register(A, domain="[2001:0DB8:0:0::1]")[0].status == 200


@pytest.mark.parametrize("domain", ["elsewhere", "192.0.2.2", "[2001:db8::2]", "ccserver.example"])
def test_a_name_in_another_domain_is_none_of_ours(domain):
    office = Office()

    response, effects = office.register(A, domain=domain, local="192.0.2.1")

    assert response.status == 404
    assert effects == []
    assert len(office.registrar) == 0


def test_a_stranger_does_not_learn_our_domains():
    request = make_register([A], domain="elsewhere")

    assert Office().hear(request)[0].status == 401


# --- step 6: contacts and how long they last --------------------------------------------------


def test_a_phone_is_bound_to_its_contact_and_to_where_it_was_heard_from():
    office = Office()
    agent = ("User-Agent", "phone/1.0")

    response, effects = office.register(A + ";q=0.5", path=ELSEWHERE, extra=[agent])

    binding = Binding(
        "1001", URI_A, ELSEWHERE, "one@phone", 1, 1300.0, q=0.5, user_agent="phone/1.0"
    )
    assert effects == [BindingAdded(binding), StartTimer("due", 300.0)]
    assert response.status == 200
    assert response.header_all("Contact") == [f"{A};q=0.500;expires=300"]
    assert office.registrar.bindings("1001") == [binding]


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        (A, None, 300),
        (A, "120", 120),
        (A + ";expires=60", "120", 60),
        (A + ";expires=4000", None, 3600),
        (A, "4294967295", 3600),
        (A, "99999999999999999999", 3600),
        (A + ";expires=soon", None, 3600),
    ],
)
def test_the_parameter_goes_before_the_header_and_the_default_and_is_clamped(
    contact, expires, granted
):
    office = Office()

    response, _ = office.register(contact, extra=[("Expires", expires)] if expires else [])

    assert response.header_all("Contact") == [f"{A};expires={granted}"]


def test_too_short_a_time_is_refused_with_the_least():
    office = Office()

    response, effects = office.register(A + ";expires=59")

    assert (response.status, response.header("Min-Expires")) == (423, "60")
    assert effects == []


def test_a_register_without_contact_asks_for_all_bindings():
    office = Office()
    office.register(A)
    office.clock.now += 100
    office.register(B)

    response, effects = office.register()

    assert response.header_all("Contact") == [f"{A};expires=200", f"{B};expires=300"]
    assert effects == []


def test_one_register_may_bind_several_phones():
    office = Office()

    _, effects = office.register(f"{A}, {B};expires=60")

    assert [type(effect) for effect in effects] == [BindingAdded, BindingAdded, StartTimer]
    assert effects[-1] == StartTimer("due", 60.0)


def test_the_preferred_phone_comes_first():
    office = Office()
    office.register(A + ";q=0.2", B)

    assert [b.contact for b in office.registrar.bindings("1001")] == [URI_B, URI_A]


def test_expires_zero_removes_that_phone():
    office = Office()
    office.register(A)
    office.register(B)

    response, effects = office.register(A + ";expires=0")

    assert [(e.binding.contact, e.reason) for e in effects if isinstance(e, BindingRemoved)] == [
        (URI_A, "unregistered")
    ]
    assert response.header_all("Contact") == [f"{B};expires=300"]


def test_removing_what_is_not_there_is_fine():
    office = Office()

    response, effects = office.register(A + ";expires=0")

    assert (response.status, response.header_all("Contact"), effects) == (200, [], [])


def test_when_the_last_phone_leaves_no_timer_runs():
    office = Office()
    office.register(A)

    _, effects = office.register(A, extra=[("Expires", "0")])

    assert effects[-1] == CancelTimer("due")
    assert len(office.registrar) == 0


def test_star_with_expires_zero_removes_all():
    office = Office()
    office.register(A)
    office.register(B)

    response, effects = office.register("*", extra=[("Expires", "0")])

    removed = [effect for effect in effects if isinstance(effect, BindingRemoved)]
    assert {effect.binding.contact for effect in removed} == {URI_A, URI_B}
    assert {effect.reason for effect in removed} == {"unregistered"}
    assert response.header_all("Contact") == []


@pytest.mark.parametrize("expires", [None, "60"])
def test_star_without_expires_zero_is_a_bad_request(expires):
    office = Office()
    office.register(A)

    response, effects = office.register("*", extra=[("Expires", expires)] if expires else [])

    assert (response.status, effects) == (400, [])
    assert len(office.registrar) == 1


def test_star_beside_another_contact_is_a_bad_request():
    with pytest.raises(MalformedMessage) as caught:
        Office().register("*", A, extra=[("Expires", "0")])
    assert caught.value.status == 400


@pytest.mark.parametrize("contact", ["<tel:+441632960001>", "<http://example.com>"])
def test_a_contact_that_cannot_be_called_by_sip_is_refused(contact):
    assert Office().register(contact)[0].status == 400


def test_a_contact_without_a_user_is_as_good_as_any():
    assert Office().register("<sip:192.0.2.7>")[0].status == 200


# --- step 7: refreshes, order, all or nothing -----------------------------------------------------


def test_a_refresh_lengthens_the_binding_and_nothing_else():
    office = Office()
    office.register(A)
    office.clock.now += 200

    response, effects = office.register(A)

    assert effects == [BindingRefreshed(office.registrar.bindings("1001")[0])]
    assert response.header_all("Contact") == [f"{A};expires=300"]
    assert [b.expires_at for b in office.registrar.bindings("1001")] == [1500.0]


@pytest.mark.parametrize("expires", [None, "0", "30", "600", "9000", "soon"])
@pytest.mark.parametrize("first", ["", ";q=0.5", ";expires=100"])
@pytest.mark.parametrize("flow", ["", DEVICE, f"{DEVICE};reg-id=2"])
def test_a_phone_that_writes_itself_as_ever_is_understood_as_if_it_were_read(flow, first, expires):
    outcomes = []
    for behind in ("", ";x"):
        office = Office()
        office.register(f"{A}{flow}{first}")
        office.clock.now += 90
        extra = [] if expires is None else [("Expires", expires)]
        outcome = office.register(f"{A}{flow}{behind}", extra=extra)
        outcomes.append((*outcome, office.registrar.bindings("1001")))

    assert outcomes[0] == outcomes[1]


def test_an_equivalent_contact_refreshes_the_same_binding():
    office = Office()
    office.register("<sip:1001@Phone.example.com>")

    _, effects = office.register("<sip:%31001@phone.EXAMPLE.com>")

    assert [type(effect) for effect in effects] == [BindingRefreshed]
    assert len(office.registrar) == 1


def test_a_refresh_from_elsewhere_moves_the_phone():
    office = Office()
    office.register(A)

    _, effects = office.register(A, path=ELSEWHERE)

    moved = office.registrar.bindings("1001")[0]
    assert effects == [BindingMoved(moved)]
    assert moved.path == ELSEWHERE


@pytest.mark.parametrize("number", [4, 5])
@pytest.mark.parametrize("contact", [A, A + ";expires=0", "*"])
def test_a_register_that_was_overtaken_changes_nothing(number, contact):
    office = Office()
    office.register(A, number=5)
    before = office.registrar.bindings("1001")

    response, effects = office.register(contact, number=number, extra=[("Expires", "0")])

    assert (response.status, effects) == (500, [])
    assert office.registrar.bindings("1001") == before


def test_a_phone_that_has_started_anew_has_another_call_id_and_counts_from_one():
    office = Office()
    office.register(A, number=5)

    assert office.register(A, number=1, call_id="two@phone")[0].status == 200


@pytest.mark.parametrize("bad", [B + ";expires=5", "<tel:+441632960001>"])
def test_if_one_contact_is_refused_none_is_bound(bad):
    office = Office()

    response, effects = office.register(A, bad)

    assert response.status in (400, 423)
    assert effects == []
    assert len(office.registrar) == 0


# --- how many ---------------------------------------------------------------------------------


def test_more_phones_than_the_limit_are_refused_and_the_others_stay():
    office = Office(Limits(max_bindings=2))
    office.register(A)
    office.register(B)

    response, effects = office.register("<sip:1001@192.0.2.9>")

    assert (response.status, effects) == (403, [])
    assert len(office.registrar) == 2
    assert office.register(A)[0].status == 200


def test_at_the_limit_one_register_may_put_a_phone_in_the_place_of_another():
    office = Office(Limits(max_bindings=1))
    office.register(A)

    response, _ = office.register(A + ";expires=0", B)

    assert response.header_all("Contact") == [f"{B};expires=300"]


def test_eleven_contacts_are_a_bad_request():
    contacts = [f"<sip:1001@192.0.2.{n}>" for n in range(11)]

    with pytest.raises(MalformedMessage) as caught:
        Office().register(*contacts)
    assert caught.value.status == 400


def test_a_device_that_comes_back_with_another_address_replaces_itself():
    device = ';+sip.instance="<urn:uuid:1>"'
    office = Office(Limits(max_bindings=1))
    office.register(A + device)

    response, effects = office.register(B + device)

    assert [(e.binding.contact, e.reason) for e in effects if isinstance(e, BindingRemoved)] == [
        (URI_A, "replaced")
    ]
    assert response.header_all("Contact") == [f"{B}{device};expires=300"]


def test_flows_of_one_device_stand_beside_each_other():
    device = ';+sip.instance="<urn:uuid:1>"'
    office = Office()
    office.register(A + device + ";reg-id=1")

    response, _ = office.register(B + device + ";reg-id=2")

    assert response.header_all("Contact") == [
        f"{A}{device};reg-id=1;expires=300",
        f"{B}{device};reg-id=2;expires=300",
    ]


def test_a_reg_id_cannot_smuggle_parameters():
    office = Office()

    response, _ = office.register(A + ';+sip.instance="<urn:uuid:1>";reg-id="1;expires=9,<sip:x>"')

    assert response.header_all("Contact") == [f'{A};+sip.instance="<urn:uuid:1>";expires=300']


# --- time -------------------------------------------------------------------------------------


def test_a_binding_that_is_not_refreshed_expires_at_its_instant():
    office = Office()
    office.register(A)

    office.clock.now = 1299.9
    assert office.registrar.handle(TimerFired("due")) == [
        StartTimer("due", pytest.approx(0.1)),
    ]
    office.clock.now = 1300.0
    effects = office.registrar.handle(TimerFired("due"))

    assert [(e.binding.contact, e.reason) for e in effects if isinstance(e, BindingRemoved)] == [
        (URI_A, "expired")
    ]
    assert office.registrar.bindings("1001") == []


def test_phones_that_expire_all_at_once_are_seen_to_a_few_at_a_time():
    office = Office()
    phones = 3 * MOST_AT_ONCE // 2
    office.registrar.restore(
        Binding(f"u{n}", f"sip:u{n}@192.0.2.7", HERE, "c", 1, 1300.0) for n in range(phones)
    )
    office.clock.now += 300

    first, second = (office.registrar.handle(TimerFired("due")) for _ in range(2))

    assert first[-1] == StartTimer("due", 0.0)
    assert len(first[:-1]) == MOST_AT_ONCE
    assert len(second) == phones - MOST_AT_ONCE
    assert len(office.registrar) == 0


def test_a_refreshed_binding_is_looked_at_again_when_it_would_have_expired():
    office = Office()
    office.register(A)
    office.clock.now = 1250.0
    office.register(A)
    office.clock.now = 1300.0

    assert office.registrar.handle(TimerFired("due")) == [StartTimer("due", 250.0)]
    assert len(office.registrar) == 1


def test_a_binding_made_shorter_expires_earlier():
    office = Office()
    office.register(A)

    _, effects = office.register(A + ";expires=60")

    assert effects[1:] == [StartTimer("due", 60.0)]


def test_an_expired_phone_may_register_again():
    office = Office()
    office.register(A)
    office.clock.now += 301
    office.registrar.handle(TimerFired("due"))

    _, effects = office.register(A)

    assert isinstance(effects[0], BindingAdded)


# --- after a restart ------------------------------------------------------------------------------


def restored(office: Office, *, later: float) -> tuple[Office, list]:
    """Another registrar, that many seconds later, with the bindings of the first."""
    again = Office()
    again.clock.now = office.clock.now + later
    return again, again.registrar.restore(office.registrar.bindings("1001"))


def test_bindings_of_an_earlier_run_stand_as_long_as_they_would_have():
    office = Office()
    office.register(A)

    again, effects = restored(office, later=100)

    assert effects == [StartTimer("due", 200.0)]
    assert again.registrar.bindings("1001") == office.registrar.bindings("1001")
    again.clock.now += 200
    removed, *_ = again.registrar.handle(TimerFired("due"))
    assert (removed.binding.contact, removed.reason) == (A.strip("<>"), "expired")


def test_a_binding_that_has_expired_meanwhile_goes_at_once():
    office = Office()
    office.register(A)

    again, effects = restored(office, later=301)

    assert [effect.reason for effect in effects] == ["expired"]
    assert len(again.registrar) == 0


def test_a_phone_whose_connection_has_closed_with_the_server_must_register_again():
    office = Office()
    office.register(A, path=Path("tcp", 1, ("10.0.0.9", 40000), 7))

    again, effects = restored(office, later=1)

    assert [effect.reason for effect in effects] == ["disconnected"]
    assert len(again.registrar) == 0
