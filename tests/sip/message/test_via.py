from __future__ import annotations

import pytest

from sip.message import MalformedMessage, Via


def test_a_via_with_all_parts():
    via = Via.parse("SIP/2.0/udp Host.example.com:5070;branch=z9hG4bK1;rport=40000;received=::1")
    assert via.transport == "UDP"
    assert via.sent_by == "host.example.com:5070"
    assert (via.branch, via.rport, via.received) == ("z9hG4bK1", 40000, "::1")
    assert via.has_cookie


def test_a_missing_port_is_the_transports_own():
    assert Via.parse("SIP/2.0/UDP a").sent_by == "a:5060"
    assert Via.parse("SIP/2.0/TLS a").sent_by == "a:5061"


@pytest.mark.parametrize("params", ["", ";branch", ";branch=abc", ";branch=z9hG4bK", ";rport"])
def test_a_branch_of_no_use_is_told_from_one_that_identifies(params):
    assert not Via.parse(f"SIP/2.0/UDP a{params}").has_cookie


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP a",
        "SIP/2.0 a",
        "SIP/2.0/UDP :5060",
        "SIP/2.0/UDP a:0",
        "SIP/2.0/UDP a:65536",
        "SIP/2.0/UDP a:",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP [::x]",
        "SIP/2.0/UDP ::1",
        "SIP/2.0/UDP a;branch=",
        "SIP/2.0/UDP a;branch=1;branch=2",
    ],
)
def test_what_is_no_via_is_malformed(text):
    with pytest.raises(MalformedMessage):
        Via.parse(text)


def test_a_long_branch_is_just_a_long_branch():
    assert len(Via.parse(f"SIP/2.0/UDP a;branch=z9hG4bK{'x' * 60000}").branch) == 60007


def test_a_request_from_where_it_says_is_not_marked():
    via = Via.parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    assert via.stamped("192.0.2.1", 5060) is via


def test_a_request_from_elsewhere_is_marked_with_its_source():
    via = Via.parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1").stamped("203.0.113.9", 40000)
    assert via.received == "203.0.113.9"
    assert via.rport is None


def test_rport_asked_for_is_given_with_received_even_if_nothing_differs():
    via = Via.parse("SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1").stamped("192.0.2.1", 5060)
    assert str(via) == "SIP/2.0/UDP 192.0.2.1;rport=5060;branch=z9hG4bK1;received=192.0.2.1"


def test_what_the_sender_claims_about_its_source_is_replaced():
    via = Via.parse("SIP/2.0/UDP 192.0.2.1;received=10.0.0.1;rport=1").stamped("192.0.2.1", 5062)
    assert (via.received, via.rport) == ("192.0.2.1", 5062)


def test_brackets_make_no_difference_to_an_ipv6_source():
    via = Via.parse("SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1")
    assert via.stamped("2001:db8::1", 5060) is via
    assert via.stamped("2001:db8::2", 5060).received == "2001:db8::2"
