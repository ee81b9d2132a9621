"""RFC 3261 §12: what a dialog is made of, and what it lets through."""

from __future__ import annotations

import pytest

from sip.dialog import Dialog
from tests.support.builders import as_request, as_response, make_request

OURS = "<sip:ccserver@192.0.2.9>"
ROUTES = [("Record-Route", "<sip:p2.example.com;lr>"), ("Record-Route", "<sip:p1.example.com;lr>")]


def uas() -> Dialog:
    invite = make_request(extra=[("Contact", "<sip:alice@192.0.2.1:5062>"), *ROUTES], number=7)
    return Dialog.of_uas(invite, "ours", OURS)


def uac() -> Dialog:
    invite = make_request(extra=[("Contact", OURS)], number=3)
    headers = [("Contact", "<sip:bob@192.0.2.4>"), *ROUTES]
    response = invite.response(200, to_tag="theirs", headers=headers)
    return Dialog.of_uac(invite, as_response(response.encode()), OURS)


def as_it_goes(request):
    return as_request(request.with_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1").encode())


def test_who_was_called_keeps_the_route_set_and_who_called_turns_it_round() -> None:
    assert uas().route_set == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    assert uac().route_set == ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")


def test_a_request_goes_to_the_remote_target_by_the_route_set() -> None:
    bye = as_it_goes(uas().request("BYE"))
    assert bye.target == "sip:alice@192.0.2.1:5062"
    assert [str(route.uri) for route in bye.routes] == [
        "sip:p2.example.com;lr",
        "sip:p1.example.com;lr",
    ]
    assert (bye.from_.tag, bye.to.tag) == ("ours", "9fxced76sl")
    assert bye.contacts == ()


def test_only_what_may_move_us_says_where_we_are() -> None:
    dialog = uac()
    for method in ("INVITE", "UPDATE"):
        assert as_it_goes(dialog.request(method)).contacts
    assert not as_it_goes(dialog.request("INFO")).contacts


def test_cseq_rises_by_one_with_each_request_and_not_with_an_ack() -> None:
    dialog = uac()
    assert dialog.request("INFO").cseq.number == 4
    assert dialog.ack(3).cseq.number == 3
    assert dialog.request("BYE").cseq.number == 5
    assert uas().request("BYE").cseq.number == 1


@pytest.mark.parametrize(("number", "refused"), [(6, 500), (7, 500), (8, None), (800, None)])
def test_a_request_that_is_out_of_order_is_refused(number, refused) -> None:
    dialog = uas()
    assert dialog.check(make_request("INFO", to_tag="ours", number=number)) == refused


def test_a_gap_in_the_order_is_none_of_our_business_but_nothing_goes_back() -> None:
    dialog = uas()
    assert dialog.check(make_request("INFO", to_tag="ours", number=100)) is None
    assert dialog.check(make_request("BYE", to_tag="ours", number=99)) == 500
    assert dialog.check(make_request("BYE", to_tag="ours", number=101)) is None


def test_the_first_request_of_a_callee_sets_its_order() -> None:
    dialog = uac()
    assert dialog.check(make_request("BYE", to_tag="x", number=1)) is None
    assert dialog.check(make_request("BYE", to_tag="x", number=1)) == 500


def test_a_reinvite_may_move_the_peer_and_one_without_contact_does_not() -> None:
    dialog = uas()
    moved = make_request(extra=[("Contact", "<sip:alice@192.0.2.77>")], to_tag="ours", number=8)
    dialog.refresh_target(moved)
    assert dialog.request("BYE").target == "sip:alice@192.0.2.77"
    dialog.refresh_target(make_request("INFO", to_tag="ours", number=9))
    assert dialog.request("BYE").target == "sip:alice@192.0.2.77"


def test_without_a_contact_the_peer_is_where_it_says_it_is_from() -> None:
    dialog = Dialog.of_uas(make_request(), "ours", OURS)
    assert dialog.request("BYE").target == "sip:alice@example.com"


def test_the_snapshot_says_all_that_a_restart_needs() -> None:
    dialog = uas()
    dialog.request("INFO")
    kept = dialog.snapshot()
    fields = {name: getattr(kept, name) for name in kept.__struct_fields__}
    again = Dialog(**fields, contact=OURS)
    assert again.request("BYE").encode() == dialog.request("BYE").encode()
    assert again.check(make_request("INFO", to_tag="ours", number=7)) == 500
