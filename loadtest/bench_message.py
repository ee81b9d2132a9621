"""CPU time of the SIP message layer: ``python -m loadtest.bench_message``.

Prints microseconds of CPU per operation, minimum and median of several repeats.  The minimum
is the cost; a median far above it says that the machine was busy with something else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import process_time

from sip.message import Request, Response, Uri, Via, parse, peek_request, refuse
from sip.message.digest import Credentials

REPEATS = 9
ROUNDS = 4000

_SDP = (
    b"v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.101\r\ns=-\r\nc=IN IP4 192.0.2.101\r\n"
    b"t=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    b"INVITE sip:service@192.0.2.1:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.101:5066;branch=z9hG4bK-524287-1-4f7a19c3;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice" <sip:alice@192.0.2.101:5066>;tag=9fxced76sl\r\n'
    b"To: <sip:service@192.0.2.1:5060>\r\n"
    b"Call-ID: 3848276298220188511@192.0.2.101\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:alice@192.0.2.101:5066;transport=udp>\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE\r\n"
    b"Supported: replaces, outbound\r\n"
    b"User-Agent: phone/1.0\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_SDP)
) + _SDP
AUTHORIZATION = (
    'Digest username="1001", realm="example.com", nonce="84a4cc6f3082121f32b42a2187831a9e", '
    'uri="sip:example.com", response="7587245234b3434cc3412213e5f113a5", algorithm=SHA-256, '
    'qop=auth, nc=00000001, cnonce="0a4f113b"'
)


def measure(operation: Callable[[], object]) -> tuple[float, float]:
    """CPU microseconds per call: minimum and median of `REPEATS` repeats."""
    results = []
    for _ in range(REPEATS):
        begin = process_time()
        for _ in range(ROUNDS):
            operation()
        results.append((process_time() - begin) / ROUNDS * 1e6)
    return min(results), median(results)


def read_usual(message: Request | Response) -> None:
    """Read the headers that every INVITE is asked for."""
    _ = message.via, message.from_, message.to, message.call_id, message.cseq, message.contacts


def parse_and_read(data: bytes) -> None:
    read_usual(parse(data))


def operations() -> dict[str, Callable[[], object]]:
    invite = parse(INVITE)
    assert isinstance(invite, Request)
    ok = invite.response(
        200,
        to_tag="a0-1-17",
        headers=[("Contact", "<sip:192.0.2.1:5060>")],
        body=_SDP,
        content_type="application/sdp",
    ).encode()
    bye = (
        INVITE.partition(b"\r\n\r\n")[0]
        .replace(b"INVITE", b"BYE")
        .replace(b"\r\nContent-Length: %d" % len(_SDP), b"\r\nContent-Length: 0")
        + b"\r\n\r\n"
    )
    source = ("203.0.113.7", 40000)

    def stamp() -> None:
        request = parse(INVITE)
        assert isinstance(request, Request)
        request.stamp_received(*source)

    def build() -> bytes:
        return Request.build(
            "BYE",
            "sip:alice@192.0.2.101:5066",
            [
                ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa0-1-4711;rport"),
                ("Max-Forwards", "70"),
                ("From", "<sip:service@192.0.2.1:5060>;tag=a0-1-17"),
                ("To", '"Alice" <sip:alice@192.0.2.101:5066>;tag=9fxced76sl'),
                ("Call-ID", "3848276298220188511@192.0.2.101"),
                ("CSeq", "2 BYE"),
            ],
        ).encode()

    return {
        "parse INVITE": lambda: parse(INVITE),
        "parse INVITE, read the usual headers": lambda: parse_and_read(INVITE),
        "parse 200, read the usual headers": lambda: parse_and_read(ok),
        "parse BYE, read the usual headers": lambda: parse_and_read(bye),
        "parse INVITE, stamp received and rport": stamp,
        "response 180 from a request, encode": lambda: invite.response(
            180, to_tag="a0-1-17", headers=[("Contact", "<sip:192.0.2.1:5060>")]
        ).encode(),
        "response 200 with SDP, encode": lambda: invite.response(
            200,
            to_tag="a0-1-17",
            headers=[("Contact", "<sip:192.0.2.1:5060>")],
            body=_SDP,
            content_type="application/sdp",
        ).encode(),
        "build a BYE, encode": build,
        "peek at an INVITE": lambda: peek_request(INVITE),
        "refuse an INVITE on its bytes": lambda: refuse(INVITE, retry_after=5),
        "refuse, with the source stamped": lambda: refuse(INVITE, retry_after=5, source=source),
        "Uri.parse": lambda: Uri.parse("sip:alice@192.0.2.101:5066;transport=udp"),
        "Via.parse": lambda: Via.parse("SIP/2.0/UDP 192.0.2.101:5066;branch=z9hG4bK-1-4f;rport"),
        "Credentials.parse": lambda: Credentials.parse(AUTHORIZATION),
    }


def main() -> None:
    gc.freeze()
    print(f"{f'INVITE of {len(INVITE)} bytes':40} {'min us':>8} {'median':>8}")
    for name, operation in operations().items():
        least, middle = measure(operation)
        print(f"{name:40} {least:8.2f} {middle:8.2f}")


if __name__ == "__main__":
    main()
