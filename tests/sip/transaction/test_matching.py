"""RFC 3261 §17.2.3 and §9.1: which messages belong together."""

from __future__ import annotations

import pytest

from sip.transaction.client_invite import ack_for
from sip.transaction.matching import cancel_for, request_branch
from tests.support.builders import as_request, make_request

INVITE = make_request(extra=[("Route", "<sip:p1.example.com;lr>")])
OLD = "1"  # a branch without the magic cookie: an RFC 2543 peer


def test_a_branch_with_the_magic_cookie_names_the_transaction():
    assert request_branch(INVITE) == "z9hG4bK74bf9"


@pytest.mark.parametrize("branch", ["z9hG4bK74bf9", OLD])
def test_a_copy_belongs_to_the_same_transaction(branch):
    request = make_request(branch=branch)

    assert request_branch(as_request(request.encode())) == request_branch(request)


@pytest.mark.parametrize("branch", ["z9hG4bK74bf9", OLD])
def test_ack_and_cancel_belong_to_their_invite(branch):
    invite = make_request(branch=branch)

    assert request_branch(ack_for(invite, invite.response(486, to_tag="b"))) == request_branch(
        invite
    )
    assert request_branch(cancel_for(invite)) == request_branch(invite)


@pytest.mark.parametrize("branch", [OLD, "z9hG4bK"], ids=["no cookie", "bare cookie"])
@pytest.mark.parametrize(
    "other",
    [
        {"number": 2},
        {"target": "sip:carol@example.com"},
        {"branch": "2"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_without_a_cookie_the_headers_tell_transactions_apart(branch, other):
    one, two = make_request(branch=branch), make_request(**{"branch": branch, **other})

    assert request_branch(one) != request_branch(two)


def test_a_cancel_has_the_invites_via_uri_call_id_from_to_number_and_route():
    cancel = as_request(cancel_for(INVITE).encode())

    assert (cancel.method, cancel.target) == ("CANCEL", INVITE.target)
    assert cancel.vias == (INVITE.via,)
    for name in ("Call-ID", "From", "To", "Route"):
        assert cancel.header_all(name) == INVITE.header_all(name)
    assert (cancel.cseq.number, cancel.cseq.method) == (INVITE.cseq.number, "CANCEL")
