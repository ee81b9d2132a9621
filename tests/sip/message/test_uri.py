from __future__ import annotations

import pytest

from sip.message import MalformedMessage, Uri


def test_a_uri_with_all_parts():
    uri = Uri.parse("SIPS:alice:pw@Example.COM:5062;Transport=TCP;lr?Subject=x&Priority=urgent")
    assert uri == Uri(
        "sips",
        "alice",
        "Example.COM",
        5062,
        {"transport": "TCP", "lr": None},
        "Subject=x&Priority=urgent",
        "pw",
    )
    assert uri.transport == "tcp"
    assert str(uri) == ("sips:alice:pw@Example.COM:5062;transport=TCP;lr?Subject=x&Priority=urgent")


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:192.0.2.1:5060",
        "sip:[2001:db8::1]:5060;transport=udp",
        "sip:*21#@example.com",
        "sip:+4930123;x=y@example.com;user=phone",
        "sip:a%0d%0ab%00@example.com",
        "sip:jürgen@example.com",
        "sip:alice@under_score.local",
        "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com",
        "urn:service:sos",
        "sip:a:@example.com",
    ],
)
def test_what_is_parsed_is_written_as_it_came(text):
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "alice@example.com",
        "sip:alice@",
        "sip:@example.com",
        "sip:alice@[2001:db8::1",
        "sip:alice@[2001:db8::g]",
        "sip:alice@[1:2]",
        "sip:alice@2001:db8::1",
        "sip:a@example.com:0",
        "sip:a@example.com:65536",
        "sip:a@example.com:5060x",
        "sip:a@example.com:",
        "sip:a@example.com:٥٠٦٠",
        "sip:a@example.com;;lr",
        "sip:a@example.com;lr;lr",
        "sip:a%2@example.com",
        "sip:a%zz@example.com",
        "sip:a b@example.com",
        "sip:a@exa mple.com",
        "sip:a@example.com\r\nX: y",
        "sip:a@example.com\n",
        "sip:a<b@example.com",
        "tel:",
        "tel:12ab;x y",
        "urn:service sos",
        "<sip:a@example.com>",
    ],
)
def test_what_is_no_uri_is_malformed(text):
    with pytest.raises(MalformedMessage):
        Uri.parse(text)


def test_an_escaped_line_break_stays_escaped():
    uri = Uri.parse("sip:a%0d%0aX@example.com")
    assert uri.user == "a%0d%0aX"
    assert uri.address_of_record() == "sip:a%0D%0AX@example.com"


def test_the_host_of_an_ipv6_reference_comes_without_brackets():
    assert Uri.parse("sip:[2001:db8::1]").host == "[2001:db8::1]"
    assert Uri.parse("sip:[2001:db8::1]").host_ip == "2001:db8::1"
    assert Uri.parse("sip:192.0.2.1").host_ip == "192.0.2.1"


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "sip:%61lice@EXAMPLE.com",
        "sip:alice@example.com:5060",
        "sip:alice:secret@example.com;transport=tcp?Subject=x",
    ],
)
def test_equivalent_addresses_of_record_are_the_same_text(text):
    assert Uri.parse(text).address_of_record() == "sip:alice@example.com"


def test_a_port_of_its_own_belongs_to_the_address_of_record():
    assert Uri.parse("sip:alice@Example.com:5070").address_of_record() == (
        "sip:alice@example.com:5070"
    )
    assert Uri.parse("sips:alice@example.com:5060").address_of_record() == (
        "sips:alice@example.com:5060"
    )


# The examples of RFC 3261 §19.1.4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201", "TEL:+1-201"),
        ("urn:service:sos", "urn:service:sos"),
    ],
)
def test_equivalent(one, other):
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:carol@chicago.com", "sips:carol@chicago.com"),
        ("sip:carol@chicago.com", "sip:carol:pw@chicago.com"),
        ("sip:chicago.com", "sip:carol@chicago.com"),
        ("sip:a@b", "sip:a@b;maddr=192.0.2.1"),
        ("urn:service:sos", "urn:service:sos.fire"),
    ],
)
def test_not_equivalent(one, other):
    assert not Uri.parse(one).equivalent(Uri.parse(other))
    assert not Uri.parse(other).equivalent(Uri.parse(one))
