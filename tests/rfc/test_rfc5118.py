"""The IPv6 torture messages of RFC 5118, by the names of their files."""

from __future__ import annotations

from tests.rfc.torture import accepted_request, answer_status, load


def torture(name: str) -> bytes:
    return load("rfc5118", name)


def test_ipv6_good_4_1():
    request = accepted_request(torture("ipv6-good"))
    assert request.uri.host == "[2001:db8::10]"
    assert request.uri.host_ip == "2001:db8::10"
    assert request.via.host_ip == "2001:db8::9:1"
    assert request.contacts[0].uri.host_ip == "2001:db8::1"


def test_ipv6_bad_4_2_an_address_without_brackets():
    assert answer_status(torture("ipv6-bad")) == 400


def test_port_ambiguous_4_3_what_stands_in_the_brackets_is_address():
    request = accepted_request(torture("port-ambiguous"))
    assert request.uri.host_ip == "2001:db8::10:5070"
    assert request.uri.port is None


def test_port_unambiguous_4_4():
    request = accepted_request(torture("port-unambiguous"))
    assert request.uri.host_ip == "2001:db8::10"
    assert request.uri.port == 5070


def test_via_received_param_with_delim_4_5():
    via = accepted_request(torture("via-received-param-with-delim")).via
    assert via.received == "2001:db8::9:255"
    assert via.branch == "z9hG4bKas3-111"


def test_via_received_param_no_delim_4_5():
    via = accepted_request(torture("via-received-param-no-delim")).via
    assert via.received == "2001:db8::9:255"
    assert via.branch == "z9hG4bKas3"


def test_ipv6_in_sdp_4_6():
    request = accepted_request(torture("ipv6-in-sdp"), bodies={"application/sdp"})
    assert b"\r\nc=IN IP6 2001:db8::" in request.body


def test_mult_ip_in_header_4_7():
    request = accepted_request(torture("mult-ip-in-header"))
    assert [via.host_ip for via in request.vias] == [
        "2001:db8::9:1",
        "192.0.2.1",
        "2001:db8::9:255",
    ]
    assert request.vias[0].port == 6050
    assert request.vias[2].received == "192.0.2.200"


def test_mult_ip_in_sdp_4_8():
    request = accepted_request(torture("mult-ip-in-sdp"), bodies={"application/sdp"})
    assert b"IP4" in request.body
    assert b"IP6" in request.body


def test_ipv4_mapped_ipv6_4_9():
    request = accepted_request(torture("ipv4-mapped-ipv6"), bodies={"application/sdp"})
    assert request.contacts[0].uri.host_ip == "::ffff:192.0.2.2"


def test_ipv6_bug_abnf_3_colons_4_10_is_read_as_meant():
    request = accepted_request(torture("ipv6-bug-abnf-3-colons"))
    assert request.uri.host_ip == "2001:db8::192.0.2.1"


def test_ipv6_correct_abnf_2_colons_4_10():
    request = accepted_request(torture("ipv6-correct-abnf-2-colons"))
    assert request.uri.host_ip == "2001:db8::192.0.2.1"
