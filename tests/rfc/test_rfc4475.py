"""The torture messages of RFC 4475, by their names there."""

from __future__ import annotations

import pytest

from sip.message import MalformedMessage, Response, Uri, check, parse
from tests.rfc.torture import accepted_request, accepted_response, answer_status, load


def torture(name: str) -> bytes:
    return load("rfc4475", name)


# 3.1.1 Valid messages


def test_wsinv_white_space_and_folding_wherever_they_may_be():
    request = accepted_request(torture("wsinv"))
    assert request.to.tag == "1918181833n"
    assert request.from_.display == 'J Rosenberg \\"'
    assert request.from_.tag == "98asjd8"
    assert request.max_forwards == 68
    assert (request.cseq.number, request.cseq.method) == (9, "INVITE")
    assert [via.transport for via in request.vias] == ["UDP", "TCP", "UDP"]
    assert [via.branch for via in request.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert request.header("Subject") == ""
    assert request.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert request.contacts[0].display == 'Quoted string ""'
    assert request.contacts[0].params == {
        "newparam": "newvalue",
        "secondparam": None,
        "q": "0.33",
    }
    assert request.routes[0].uri.params["unknownwith"] == "value"
    assert len(request.body) == 150


def test_intmeth_every_character_a_token_or_a_uri_may_have():
    request = accepted_request(torture("intmeth"))
    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert request.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_.tag == "_token~1'+`*%!-."
    assert request.from_.params["fromparam''~+*_!.-%"] == "работающий"
    assert request.uri.host == "example.com"
    assert request.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert request.header("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_esc01_escaped_characters_stay_in_the_user_part():
    request = accepted_request(torture("esc01"))
    assert request.uri.user == "sips%3Auser%40example.com"
    assert request.uri.host == "example.net"


def test_escnull_an_escaped_nul_ends_nothing():
    request = accepted_request(torture("escnull"))
    assert request.to.uri.user == "null-%00-null"
    assert [contact.uri.user for contact in request.contacts] == ["%00", "%00%00"]
    assert not request.contacts[0].uri.equivalent(request.contacts[1].uri)


def test_esc02_a_percent_sign_in_a_method_escapes_nothing():
    request = accepted_request(torture("esc02"))
    assert request.method == "RE%47IST%45R"
    assert request.cseq.method == request.method


def test_lwsdisp_no_space_between_display_name_and_bracket():
    request = accepted_request(torture("lwsdisp"))
    assert request.from_.display == "caller"
    assert request.from_.tag == "323"


def test_longreq_long_values_in_great_number():
    request = accepted_request(torture("longreq"))
    assert len(request.vias) == 34
    assert len(request.call_id) > 100
    assert len(request.body) == 150


def test_dblreq_what_follows_the_body_in_a_datagram_is_ignored():
    request = accepted_request(torture("dblreq"))
    assert request.method == "REGISTER"
    assert request.body == b""


def test_semiuri_semicolons_in_a_user_part_begin_no_parameter():
    request = accepted_request(torture("semiuri"))
    assert request.uri.user == "user;par=u%40example.net"
    assert request.uri.params == {}
    assert request.uri.host == "example.com"


def test_transports_of_which_some_are_unknown():
    request = accepted_request(torture("transports"))
    assert [via.transport for via in request.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01_a_binary_multipart_body():
    request = accepted_request(torture("mpart01"))
    assert request.method == "MESSAGE"
    assert request.content_type == "multipart/mixed"
    assert len(request.body) == 553


def test_unreason_a_reason_phrase_of_any_language():
    response = accepted_response(torture("unreason"))
    assert response.status == 200
    assert response.reason.endswith("но сто девяносто девять - простое")


def test_noreason_an_empty_reason_phrase():
    response = accepted_response(torture("noreason"))
    assert (response.status, response.reason) == (100, "")


# 3.1.2 Invalid messages


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("badinv01", 400, id="badinv01: stray separators in Via"),
        pytest.param("clerr", 400, id="clerr: Content-Length beyond the datagram"),
        pytest.param("ncl", 400, id="ncl: negative Content-Length"),
        pytest.param("scalar02", 400, id="scalar02: CSeq and Max-Forwards out of range"),
        pytest.param("quotbal", 400, id="quotbal: a quote that does not end"),
        pytest.param("ltgtruri", 400, id="ltgtruri: a Request-URI in angle brackets"),
        pytest.param("lwsruri", 400, id="lwsruri: a blank within the Request-URI"),
        pytest.param("lwsstart", 400, id="lwsstart: two blanks in the start line"),
        pytest.param("trws", 400, id="trws: blanks at the end of the start line"),
        pytest.param("escruri", 400, id="escruri: headers in the Request-URI"),
        pytest.param("regbadct", 400, id="regbadct: a question mark outside angle brackets"),
        pytest.param("badaspec", 400, id="badaspec: blanks within the angle brackets"),
        pytest.param("badvers", 505, id="badvers: SIP/7.0"),
        pytest.param("mismatch01", 400, id="mismatch01: CSeq of another method"),
        pytest.param("mismatch02", 400, id="mismatch02: CSeq of a known, start line of no method"),
    ],
)
def test_an_invalid_request_is_answered(name, status):
    assert answer_status(torture(name)) == status


def test_baddn_a_comma_in_a_display_name_without_quotes():
    # The file of the RFC lacks its empty line.
    assert answer_status(torture("baddn") + b"\r\n") == 400


def test_baddate_a_date_nobody_asks_for_is_not_read():
    # The RFC leaves it to the server: it may reject the request or ignore the date.
    request = accepted_request(torture("baddate"))
    assert request.header("Date") == "Fri, 01 Jan 2010 16:00:00 EST"


def test_scalar02_a_lifetime_out_of_range_is_the_longest_possible():
    message = parse(torture("scalar02"))
    assert message.expires == 2**32 - 1
    assert message.contacts[0].expires == 2**32 - 1


def test_scalarlg_a_response_with_numbers_out_of_range_is_dropped():
    response = parse(torture("scalarlg"))
    assert isinstance(response, Response)
    with pytest.raises(MalformedMessage) as caught:
        _ = response.cseq
    assert caught.value.answer() is None


def test_bigcode_a_status_out_of_range_is_dropped():
    with pytest.raises(MalformedMessage) as caught:
        parse(torture("bigcode"))
    assert caught.value.answer() is None


# 3.2 Transaction layer


def test_badbranch_the_bare_magic_cookie_identifies_nothing():
    request = accepted_request(torture("badbranch"))
    assert request.branch == "z9hG4bK"
    assert not request.via.has_cookie


# 3.3 Application layer


def test_insuf_without_call_id_from_and_to_no_answer_can_be_made():
    with pytest.raises(MalformedMessage) as caught:
        parse(torture("insuf"))
    assert caught.value.status == 400
    assert caught.value.answer() is None


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_a_request_uri_of_an_unknown_scheme_is_416(name):
    assert answer_status(torture(name)) == 416


def test_unksm2_unknown_schemes_in_headers_are_for_the_registrar_to_judge():
    request = accepted_request(torture("unksm2"))
    assert request.to.uri.scheme == "isbn"
    assert request.from_.uri == Uri("http", None, opaque="//www.example.com")
    assert request.contacts[0].uri.scheme == "name"


def test_bext01_an_extension_we_lack_is_420_and_named():
    request = parse(torture("bext01"))
    refusal = check(request, extensions={"100rel"})
    assert refusal is not None
    assert refusal.status == 420
    assert refusal.headers == (("Unsupported", "nothingSupportsThis, nothingSupportsThisEither"),)


def test_invut_a_body_of_an_unknown_type_is_415_and_the_known_one_named():
    refusal = check(parse(torture("invut")), bodies={"application/sdp"})
    assert refusal is not None
    assert refusal.status == 415
    assert refusal.headers == (("Accept", "application/sdp"),)


def test_regaut01_an_unknown_authentication_scheme_proves_nothing():
    [credentials] = accepted_request(torture("regaut01")).authorization()
    assert credentials.scheme == "nooneknowsthisscheme"
    assert not credentials.proves("", "REGISTER")


def test_multi01_two_of_what_there_is_one_of():
    assert answer_status(torture("multi01")) == 400


def test_mcl01_two_content_lengths():
    assert answer_status(torture("mcl01")) == 400


def test_bcast_a_response_that_came_by_someone_else():
    # Nobody sends requests as 255.255.255.255, so the transport drops it (RFC 3261 §18.1.2).
    response = accepted_response(torture("bcast"))
    assert [via.sent_by for via in response.vias] == ["192.0.2.198:5060", "255.255.255.255:5060"]


def test_zeromf_max_forwards_zero_is_no_concern_of_a_server_that_is_the_last_hop():
    assert accepted_request(torture("zeromf")).max_forwards == 0


def test_cparam01_an_unknown_parameter_of_a_contact():
    [contact] = accepted_request(torture("cparam01")).contacts
    assert contact.params == {"unknownparam": None}
    assert contact.uri.params == {}


def test_cparam02_an_unknown_parameter_of_a_contacts_uri():
    [contact] = accepted_request(torture("cparam02")).contacts
    assert contact.params == {}
    assert contact.uri.params == {"unknownparam": None}


def test_regescrt_headers_in_a_contact_are_kept_with_it():
    [contact] = accepted_request(torture("regescrt")).contacts
    assert contact.uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_sdp01_an_invite_that_accepts_no_sdp_is_406():
    assert answer_status(torture("sdp01")) == 406


# 3.4 Backward compatibility


def test_inv2543_an_invite_of_the_old_protocol():
    request = accepted_request(torture("inv2543"), bodies={"application/sdp"})
    assert request.branch == ""
    assert not request.via.has_cookie
    assert request.from_.tag is None
    assert request.max_forwards is None
    assert len(request.body) == 105
