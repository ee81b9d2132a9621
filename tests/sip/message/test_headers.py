from __future__ import annotations

import pytest

from sip.message import MalformedMessage
from sip.message.headers import canonical_name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Call-ID", "Call-ID"),
        ("call-id", "Call-ID"),
        ("CALL-ID", "Call-ID"),
        ("cAlL-iD", "Call-ID"),
        ("Call-ID \t", "Call-ID"),
        ("i", "Call-ID"),
        ("I", "Call-ID"),
        ("v", "Via"),
        ("cseq", "CSeq"),
        ("www-authenticate", "WWW-Authenticate"),
        ("x-internal", "X-Internal"),
        ("X-INTERNAL ", "X-Internal"),
        ("x" * 300, "X" + "x" * 299),
    ],
)
def test_all_spellings_lead_to_one_name(spelling, name):
    assert canonical_name(spelling) == name
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "Call ID", " Via", "V\u0130a", "To\x0b", "From\0", "a:b"]
)
def test_what_is_no_token_is_no_name(name):
    with pytest.raises(MalformedMessage):
        canonical_name(name)
