from __future__ import annotations

import pytest

from sip.message import Challenge, Credentials, MalformedMessage
from sip.message.digest import ha1, response, same_secret

# RFC 7616 §3.9.1
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC_7616 = [
    ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
]


@pytest.mark.parametrize(("algorithm", "expected"), RFC_7616)
def test_the_examples_of_rfc_7616(algorithm, expected):
    secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    assert (
        response(algorithm, secret, NONCE, "GET", "/dir/index.html", nc="00000001", cnonce=CNONCE)
        == expected
    )


def test_the_example_of_rfc_2617_and_the_form_without_qop():
    nonce, cnonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b"
    secret = ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
    uri = "/dir/index.html"
    assert secret == "939e7578ed9e3c518a452acee763bce9"
    assert (
        response("MD5", secret, nonce, "GET", uri, nc="00000001", cnonce=cnonce)
        == "6629fae49393a05397450978507c4ef1"
    )
    # RFC 2069's example as corrected by its erratum.
    assert (
        response("MD5", secret, nonce, "GET", uri, qop=None) == "670fd8c2df070c60b045671b8b24ff02"
    )


def credentials(**instead: str | None) -> Credentials:
    params = {
        "username": "1001",
        "realm": "example.com",
        "nonce": "n1",
        "uri": "sip:example.com",
        "algorithm": "SHA-256",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "c",
    }
    params["response"] = response(
        "SHA-256", SECRET, "n1", "REGISTER", "sip:example.com", nc="00000001", cnonce="c"
    )
    params |= instead
    text = ", ".join(f'{name}="{value}"' for name, value in params.items() if value is not None)
    return Credentials.parse(f"Digest {text}")


SECRET = ha1("SHA-256", "1001", "example.com", "secret")


def test_who_knows_the_secret_proves_it():
    assert credentials().proves(SECRET, "REGISTER")
    shouted = credentials().response.upper()
    assert credentials(response=shouted).proves(SECRET, "REGISTER")


def test_without_qop_the_count_does_not_matter():
    old = response("SHA-256", SECRET, "n1", "REGISTER", "sip:example.com", qop=None)
    bare = credentials(qop=None, nc=None, cnonce=None, response=old)
    assert bare.proves(SECRET, "REGISTER")
    assert bare.qop is None


@pytest.mark.parametrize(
    "instead",
    [
        {"response": "0" * 64},
        {"response": "\u00e9"},
        {"response": None},
        {"response": ""},
        {"nonce": "n2"},
        {"nonce": None},
        {"uri": "sip:example.net"},
        {"uri": None},
        {"username": None},
        {"realm": None},
        {"nc": "00000002"},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nc": None},
        {"cnonce": "d"},
        {"cnonce": None},
        {"qop": "auth-int"},
        {"qop": None},
        {"algorithm": "MD5"},
        {"algorithm": None},
        {"algorithm": "SHA-512"},
    ],
)
def test_whoever_does_not_proves_nothing(instead):
    assert not credentials(**instead).proves(SECRET, "REGISTER")


def test_another_method_or_another_secret_proves_nothing():
    assert not credentials().proves(SECRET, "INVITE")
    assert not credentials().proves(ha1("SHA-256", "1001", "example.com", "guess"), "REGISTER")


def test_the_parts_of_credentials():
    parsed = Credentials.parse(
        'digest  Username="a \\"b\\"" , realm = "x,y",nonce=n, uri="sip:a;b",response="R", '
        "algorithm=sha-256, nc=0000000A, qop=AUTH, opaque=o,"
    )
    assert parsed.scheme == "digest"
    assert (parsed.username, parsed.realm, parsed.nonce) == ('a "b"', "x,y", "n")
    assert (parsed.uri, parsed.algorithm, parsed.qop) == ("sip:a;b", "SHA-256", "auth")
    assert (parsed.nc, parsed.opaque, parsed.cnonce) == (10, "o", "")


def test_without_an_algorithm_it_is_md5():
    assert Credentials.parse("Digest username=a").algorithm == "MD5"


@pytest.mark.parametrize("text", ["Digest", "Digest ", "Basic dXNlcjpwYXNz", "X a b c"])
def test_credentials_that_lack_everything_prove_nothing(text):
    assert not Credentials.parse(text).proves("", "REGISTER")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        'Digest username="a',
        "Digest username",
        "Digest =a",
        "Digest a=b c=d",
        "Digest a=b, a=c",
        "Digest a=b, A=c",
        "Digest a=b,,c=d",
        'Digest a="b"c',
        "Digest " + ", ".join(f"p{number}=1" for number in range(1000)),
    ],
)
def test_what_is_no_list_of_parameters_is_malformed(text):
    with pytest.raises(MalformedMessage):
        Credentials.parse(text)


def test_no_secret_is_shown():
    assert repr(credentials()) == "Credentials('digest', '1001', 'example.com')"


def test_a_challenge():
    assert str(Challenge('a "b"', "n1")) == (
        'Digest realm="a \\"b\\"", nonce="n1", algorithm=SHA-256, qop="auth"'
    )
    assert str(Challenge("a", "n", "MD5", stale=True, qop=None, opaque="o")) == (
        'Digest realm="a", nonce="n", opaque="o", stale=true, algorithm=MD5'
    )


def test_an_unknown_algorithm_is_our_own_mistake():
    with pytest.raises(ValueError, match="digest algorithm"):
        ha1("SHA-1", "a", "b", "c")


def test_secrets_are_compared_whatever_their_characters():
    assert same_secret("\u00e9", "\u00e9")
    assert not same_secret("\u00e9", "e")
    assert not same_secret("\udcff", "")
