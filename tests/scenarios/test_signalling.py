"""What a phone may do on the wire, and what it is answered."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from sip.message import Request, Response
from tests.support.centre import Centre, centre
from tests.support.phones import REALM, SERVER, Phone, authorize, sdp


async def answer_to(c: Centre, phone: Phone, data: bytes) -> list[Response]:
    """Everything the server answers to these bytes within a second."""
    before = len(phone.heard)
    phone.send_raw(data)
    await trio.sleep(1)
    return [m for m in phone.heard[before:] if isinstance(m, Response)]


def request(phone: Phone, method: str, *, to: str = "2001", **headers: str) -> bytes:
    fields = {
        "Via": f"SIP/2.0/UDP {phone.address[0]}:5060;branch=z9hG4bK{method}1;rport",
        "Max-Forwards": "70",
        "From": f"<sip:{phone.name}@x>;tag=f1",
        "To": f"<sip:{to}@10.0.0.1>",
        "Call-ID": f"{method}-call",
        "CSeq": f"1 {method}",
        "Contact": f"<{phone.uri}>",
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request.build(method, f"sip:{to}@10.0.0.1", list(fields.items())).encode()


async def test_options_are_answered(autojump_clock) -> None:
    async with centre() as c:
        (ok,) = await answer_to(c, phone := c.phone("anna"), request(phone, "OPTIONS"))
        assert ok.status == 200
        assert "INVITE" in (ok.header("Allow") or "")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUBLISH", {}, 405),
        ("MESSAGE", {}, 405),
        ("SUBSCRIBE", {}, 405),
        ("INVITE", {"Require": "100rel"}, 420),
        ("BYE", {"To": "<sip:2001@10.0.0.1>;tag=unknown"}, 481),
        ("INFO", {"To": "<sip:2001@10.0.0.1>;tag=unknown"}, 481),
        ("CANCEL", {}, 481),
    ],
)
async def test_what_cannot_be_done_is_refused(autojump_clock, method, headers, status) -> None:
    async with centre() as c:
        phone = c.phone("anna")
        answers = await answer_to(c, phone, request(phone, method, **headers))
        assert {answer.status for answer in answers} - {100} == {status}


async def test_an_ack_that_nobody_waits_for_is_dropped_t05(autojump_clock) -> None:
    async with centre() as c:
        phone = c.phone("anna")
        headers = {"To": "<sip:2001@10.0.0.1>;tag=unknown"}
        assert not await answer_to(c, phone, request(phone, "ACK", **headers))


async def test_an_ack_with_another_cseq_confirms_nothing_t05(autojump_clock) -> None:
    async with centre() as c:
        anna = c.phone("anna")
        anna.acknowledges = False
        call = anna.dials("2001")
        await trio.sleep(1)
        ack = anna.request_in(call, "ACK")  # CSeq 2
        anna.send_raw(ack.encode())
        await trio.sleep(60)
        assert c.of(ev.ContactEnded)[0].reason == "no-ack"


async def test_an_ack_of_the_200_that_bears_the_invites_branch_is_heard(autojump_clock) -> None:
    """As RFC 2543 phones send it."""
    async with centre() as c:
        anna = c.phone("anna")
        anna.acknowledges = False
        call = anna.dials("2001")
        await trio.sleep(1)
        call.cseq = 0
        ack = anna.request_in(call, "ACK")
        anna.send_raw(ack.encode().replace(ack.branch.encode(), call.branch.encode()))
        await trio.sleep(60)
        assert not c.of(ev.ContactEnded)


async def test_the_same_invite_by_another_way_is_a_loop_t02(autojump_clock) -> None:
    async with centre() as c:
        phone = c.phone("anna")
        call = phone.dials("2001")
        await trio.sleep(0.5)
        assert call.invite is not None
        again = call.invite.encode().replace(call.branch.encode(), b"z9hG4bKother")
        assert 482 in [a.status for a in await answer_to(c, phone, again)]
        assert len(c.of(ev.ContactArrived)) == 1


async def test_a_wrong_password_is_refused(autojump_clock) -> None:
    async with centre() as c:
        assert await c.phone("1001").registers("guess") == 401
        assert await c.phone("nobody").registers("guess") == 401
        assert c.state("1001") == "signed_out"


async def registers_as(phone: Phone, address_of_record: str) -> int:
    """With the phone's own name and password."""
    user = phone.name
    fields = [
        ("Max-Forwards", "70"),
        ("From", f"<sip:{user}@ccserver>;tag=1"),
        ("To", f"<{address_of_record}>"),
        ("Call-ID", "x"),
        ("Contact", f"<{phone.uri}>"),
    ]
    first = await phone._transact("REGISTER", f"sip:{REALM}", [*fields, ("CSeq", "1 REGISTER")])
    challenge = first.header_all("WWW-Authenticate")[0]
    proof = authorize(challenge, user, f"secret-{user}", "REGISTER", f"sip:{REALM}")
    again = [*fields, ("CSeq", "2 REGISTER"), ("Authorization", proof)]
    return (await phone._transact("REGISTER", f"sip:{REALM}", again)).status


async def test_a_user_registers_for_itself_only(autojump_clock) -> None:
    async with centre() as c:
        assert await registers_as(c.phone("1002"), "sip:1001@ccserver") == 403


@pytest.mark.parametrize(
    ("domain", "status"),
    [("10.0.0.1", 200), ("pbx.example.com", 200), ("10.0.0.2", 404), ("example.com", 404)],
)
async def test_a_phone_registers_in_a_domain_of_ours_only(autojump_clock, domain, status) -> None:
    async with centre(sip={"options_seconds": 0, "domains": ["pbx.example.com"]}) as c:
        assert await registers_as(c.phone("1002"), f"sip:1002@{domain}") == status
        assert len(c.core.registrar) == (status == 200)


async def test_a_registration_expires_and_signs_out(autojump_clock) -> None:
    async with centre() as c:
        await c.phone("1001").registers("secret-1001", expires=60)
        await trio.sleep(1)
        assert c.state("1001") == "available"
        await trio.sleep(60)
        assert c.state("1001") == "signed_out"
        assert [e.reason for e in c.of(ev.PhoneGone)] == ["expired"]


async def test_a_phone_that_does_not_answer_options_is_unreachable(autojump_clock) -> None:
    async with centre(sip={"options_seconds": 30}) as c:
        phone = c.phone("1001")
        await phone.registers("secret-1001", expires=3600)
        await trio.sleep(100)
        assert c.state("1001") == "available"
        phone.loses_power()
        await trio.sleep(130)
        assert c.state("1001") == "signed_out"
        assert [e.reason for e in c.of(ev.PhoneGone)] == ["unreachable"]


async def test_a_stranger_must_say_who_he_is(autojump_clock) -> None:
    async with centre(trunks=[{"name": "far", "from": ["192.0.2.0/24"]}]) as c:
        call = c.phone("anna").dials("2001")
        await trio.sleep(1)
        assert call.status == 407
        assert not c.of(ev.ContactArrived)


async def test_a_trunk_reaches_entry_points_and_nothing_else(autojump_clock) -> None:
    async with centre() as c:
        call = c.phone("anna").dials("0019005550100")
        await trio.sleep(1)
        assert call.status in (404, 407)
        assert not c.of(ev.ContactArrived)


async def test_a_phone_behind_nat_is_reached_where_it_registered_from(autojump_clock) -> None:
    async with centre() as c:
        phone = c.phone("1001")
        phone.believes = private = "sip:1001@192.168.1.5:5060"
        assert await phone.registers("secret-1001") == 200
        await trio.sleep(0.1)
        await c.phone("anna").calls_to("2001")
        offered = await phone.rings()
        assert offered.invite is not None
        assert offered.invite.target == private


async def test_two_phones_of_an_agent_ring_and_the_first_wins(autojump_clock) -> None:
    async with centre() as c:
        desk = await c.agent("1001")
        mobile = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        first, second = await desk.rings(), await mobile.rings()
        mobile.answers(second)
        await second.wait("talking")
        await first.wait("ended")
        assert c.state("1001") == "engaged"


async def test_a_phones_own_hold_is_answered(autojump_clock) -> None:
    async with centre() as c:
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        await trio.sleep(1)  # the ACK must have arrived
        hold = anna.request_in(call, "INVITE", sdp("10.0.1.99", 40000, "sendonly"))
        answer = await anna.asks(hold)
        assert answer.status == 200
        assert b"a=recvonly" in answer.body
        assert next(iter(c.media.remotes.values())).direction == "recvonly"


async def test_a_late_offer_is_made_in_the_answer(autojump_clock) -> None:
    async with centre() as c:
        anna = c.phone("anna")
        anna.acknowledges = False
        call = anna.dials("2001", body=b"")
        await trio.sleep(0.2)
        ok = next(m for m in anna.heard if isinstance(m, Response) and m.status == 200)
        assert b"m=audio" in ok.body
        call.cseq = 0
        ack = anna.request_in(call, "ACK", sdp("10.0.1.99", 45000))
        anna.send_raw(ack.encode())
        await trio.sleep(0.2)
        assert next(iter(c.media.remotes.values())).port == 45000
        await trio.sleep(5)
        assert c.queue("support")


async def test_no_codec_in_common_is_refused(autojump_clock) -> None:
    async with centre() as c:
        body = (
            sdp("10.0.1.99", 40000)
            .replace(b"RTP/AVP 0 101", b"RTP/AVP 97")
            .replace(b"rtpmap:0 PCMU", b"rtpmap:97 speex")
        )
        call = c.phone("anna").dials("2001", body=body)
        await trio.sleep(1)
        assert call.status == 488


@pytest.mark.parametrize(
    ("code", "state"), [("*52", "idle:break"), ("*522", "idle:lunch"), ("*53", "signed_out")]
)
async def test_feature_codes_change_the_agents_state(autojump_clock, code, state) -> None:
    async with centre() as c:
        phone = await c.agent("1001")
        await dial_with_proof(phone, code)
        await trio.sleep(10)
        assert c.state("1001") == state
        await dial_with_proof(phone, "*51")
        await trio.sleep(10)
        assert c.state("1001") == "available"


async def dial_with_proof(phone: Phone, number: str) -> None:
    """An agent's own call: challenged, tried again with credentials, hung up by the server."""
    first = phone.dials(number)
    await first.wait("ended")
    challenged = next(
        m for m in reversed(phone.heard) if isinstance(m, Response) and m.status == 407
    )
    challenge = challenged.header_all("Proxy-Authenticate")[0]
    target = f"sip:{number}@{SERVER[0]}:{SERVER[1]}"
    proof = authorize(challenge, phone.name, f"secret-{phone.name}", "INVITE", target)
    call = phone.dials(number, headers=[("Proxy-Authorization", proof)])
    await call.wait("talking")
    await call.wait("ended")


async def test_overload_is_refused_on_bytes_with_retry_after(autojump_clock) -> None:
    async with centre(admission={"max_contacts": 1}) as c:
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        bert = c.phone("bert")
        refused = bert.dials("2001")
        await trio.sleep(1)
        assert refused.status == 503
        answer = next(m for m in bert.heard if isinstance(m, Response) and m.status == 503)
        assert 5 <= int(answer.header("Retry-After") or 0) <= 30
        anna.hangs_up(call)  # what is in a dialog is never refused
        await trio.sleep(1)
        assert call.state == "ended"


@pytest.mark.parametrize("algorithms", [["MD5"], ["SHA-256"], ["SHA-256", "MD5"]])
async def test_a_phone_proves_itself_by_the_first_algorithm_offered(
    autojump_clock, algorithms
) -> None:
    async with centre(sip={"options_seconds": 0, "algorithms": algorithms}) as c:
        phone = c.phone("1001")
        assert await phone.registers("secret-1001") == 200
        challenged = next(m for m in phone.heard if isinstance(m, Response) and m.status == 401)
        offered = challenged.header_all("WWW-Authenticate")
        assert [f"algorithm={name}" in text for name, text in zip(algorithms, offered, strict=True)]
