"""RFC 3581 and RFC 5626 §5.3: where a phone is called, and where its dialog's requests go."""

from __future__ import annotations

import pytest

from sip.message import Uri
from sip.reach import way_back, way_to
from sip.transport.path import Path
from tests.support.builders import make_request

UDP = Path("udp", 2, ("192.0.2.1", 40000))
UDP6 = Path("udp", 3, ("2001:db8::1", 40000))
TCP6 = Path("tcp", 4, ("2001:db8::1", 40000), 7)


@pytest.mark.parametrize(
    ("contact", "came_by", "goes_to"),
    [
        ("sip:1001@192.0.2.1:5070", UDP, ("192.0.2.1", 5070)),
        ("sip:1001@192.0.2.1", UDP, ("192.0.2.1", 5060)),
        ("sip:1001@[2001:db8::1]:5070", UDP6, ("2001:db8::1", 5070)),
        ("sip:1001@[2001:db8::1]", UDP6, ("2001:db8::1", 5060)),
    ],
)
def test_a_contact_on_the_host_that_was_heard_is_believed(contact, came_by, goes_to):
    assert way_to(Uri.parse(contact), came_by) == Path("udp", came_by.listener, goes_to)


@pytest.mark.parametrize(
    ("contact", "came_by"),
    [
        ("sip:1001@10.0.0.7:5060", UDP),
        ("sip:1001@phone.example.com", UDP),
        ("sip:1001@[fd00::7]:5060", UDP6),
        ("sip:1001@192.0.2.1:5060", UDP6),
    ],
)
def test_behind_a_nat_a_phone_is_where_it_was_heard_from(contact, came_by):
    assert way_to(Uri.parse(contact), came_by) == came_by


@pytest.mark.parametrize("contact", ["sip:1001@[2001:db8::1]:5070", "sip:1001@10.0.0.7"])
def test_a_connection_is_used_whatever_the_contact_says(contact):
    assert way_to(Uri.parse(contact), TCP6) == TCP6


def test_a_proxy_that_records_its_route_stays_in_the_way():
    contact = ("Contact", "<sip:alice@[2001:db8::1]:5070>")
    route = ("Record-Route", "<sip:[2001:db8::9]:5060;lr>")

    assert way_back(make_request(extra=[contact]), UDP6).remote == ("2001:db8::1", 5070)
    assert way_back(make_request(extra=[contact, route]), UDP6) == UDP6


def test_who_gives_no_contact_is_where_it_was_heard_from():
    assert way_back(make_request(), UDP) == UDP
