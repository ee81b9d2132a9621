"""Where we listen, in IPv4 and IPv6, and from which of these places a peer is reached."""

from __future__ import annotations

import socket

import pytest

from sip.transport.entry import ListenError, parse_listen
from sip.transport.listeners import Listeners, open_listeners
from sip.transport.path import Path
from sip.transport.udp import UdpTransport


@pytest.mark.parametrize(
    ("entry", "meaning"),
    [
        ("udp:127.0.0.1:5060", ("udp", "127.0.0.1", 5060)),
        ("tcp:0.0.0.0:0", ("tcp", "0.0.0.0", 0)),
        ("udp:[::1]:5060", ("udp", "::1", 5060)),
        ("tcp:[::]:65535", ("tcp", "::", 65535)),
    ],
)
def test_an_entry_names_transport_host_and_port(entry, meaning):
    assert parse_listen(entry) == meaning


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "udp",
        "udp:5060",
        "udp::5060",
        "tls:127.0.0.1:5061",
        "udp:127.0.0.1:65536",
        "udp:127.0.0.1:-1",
        "udp:127.0.0.1:٣",
        "udp:::1:5060",
        "udp:[::1]",
        "udp:[]:5060",
    ],
)
def test_what_is_no_entry_is_said_with_what_was_expected(entry):
    with pytest.raises(ListenError, match="HOST:PORT"):
        parse_listen(entry)


@pytest.fixture
def both():
    """IPv4 first; then IPv6, of which the second takes any address."""
    transports = [UdpTransport(0, "127.0.0.1", 0)]
    transports += [UdpTransport(1, "::1", 0), UdpTransport(2, "::", 0)]
    yield Listeners(transports)
    for transport in transports:
        transport._socket.close()


def test_a_peer_is_reached_from_the_first_listener_of_its_family(both):
    assert both.path_to("192.0.2.1", 5060) == Path("udp", 0, ("192.0.2.1", 5060))
    assert both.path_to("2001:db8::1", 5060) == Path("udp", 1, ("2001:db8::1", 5060))
    assert both.path_to("192.0.2.1", 5060, "tcp") is None


def test_a_peer_sees_the_address_it_reached_and_never_a_wildcard(both):
    places = [transport.local for transport in both.transports]
    assert both.local_address(Path("udp", 0, ("127.0.0.1", 9))) == places[0]
    assert both.local_address(Path("udp", 1, ("::1", 9))) == places[1]
    assert both.local_address(Path("udp", 2, ("::1", 9))) == ("::1", places[2][1])


@pytest.mark.parametrize(("kind", "type_"), [("udp", "SOCK_DGRAM"), ("tcp", "SOCK_STREAM")])
@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("[::1]", "AF_INET6")])
def test_a_port_that_is_taken_is_named(kind, type_, host, family):
    with socket.socket(getattr(socket, family), getattr(socket, type_)) as taken:
        taken.bind((host.strip("[]"), 0))
        if kind == "tcp":
            taken.listen()
        entry = f"{kind}:{host}:{taken.getsockname()[1]}"
        with pytest.raises(ListenError, match="cannot listen on") as caught:
            open_listeners([entry])
    assert entry in str(caught.value)
    assert "in use" in str(caught.value)
