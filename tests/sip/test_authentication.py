"""Digest as RFC 7616, RFC 8760 and RFC 3261 §22 have it."""

from __future__ import annotations

import pytest
from rich.pretty import pretty_repr

from sip.authentication import Authenticator, Verdict, account
from sip.message import Credentials, MalformedMessage, digest
from tests.support.registering import (
    Clock,
    credentials,
    make_authenticator,
    make_register,
    nonce_of,
)

HOST = "192.0.2.7"


# --- the challenge ------------------------------------------------------------------------------


def test_every_algorithm_is_challenged_in_the_order_configured():
    authenticator = make_authenticator(Clock(), algorithms=("SHA-256", "MD5"))

    challenges = [Credentials.parse(text) for text in authenticator.challenges(HOST)]

    assert [c.algorithm for c in challenges] == ["SHA-256", "MD5"]
    assert {(c.realm, c.qop) for c in challenges} == {("ccserver", "auth")}
    assert all("stale" not in c.params for c in challenges)


def test_no_two_challenges_share_a_nonce_for_phones_of_one_host_count_apart():
    authenticator = make_authenticator(Clock())

    nonces = {nonce_of(authenticator.challenges(HOST)[0]) for _ in range(100)}

    assert len(nonces) == 100


def test_a_stale_challenge_says_so():
    challenge = make_authenticator(Clock()).challenges(HOST, stale=True)[0]

    assert Credentials.parse(challenge).params["stale"] == "true"


# --- the answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_right_answer_names_its_user(algorithm):
    desk = Desk()

    assert desk.judge(algorithm=algorithm) is Verdict.RIGHT
    assert desk.user == "1001"


def test_without_credentials_the_verdict_is_missing():
    desk = Desk()

    assert desk.authenticator.verify(make_register([]), HOST, "Authorization") == (
        Verdict.MISSING,
        None,
    )


def test_credentials_for_another_realm_are_none_of_ours():
    assert Desk().judge(realm="elsewhere") is Verdict.MISSING


def test_among_several_credentials_ours_is_found():
    desk = Desk()
    theirs = ("Authorization", credentials("n", realm="elsewhere"))
    ours = ("Authorization", credentials(desk.nonce))
    request = make_register([], extra=[theirs, ours])

    assert desk.authenticator.verify(request, HOST, "Authorization")[0] is Verdict.RIGHT


def test_unreadable_credentials_are_a_bad_request():
    desk = Desk()
    request = make_register([], extra=[("Authorization", "Digest username=")])

    with pytest.raises(MalformedMessage) as caught:
        desk.authenticator.verify(request, HOST, "Authorization")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"password": "guess"},
        {"user": "nobody"},
        {"user": ""},
        {"method": "INVITE"},
        {"uri": "sip:elsewhere"},
        {"uri": "sip:ccserver:5061"},
        {"uri": "sip:1001@ccserver"},
        {"uri": "/index.html"},
        {"uri": "sip:%"},
        {"qop": "auth-int"},
        {"qop": None, "algorithm": "SHA-256"},
    ],
    ids=str,
)
def test_a_wrong_answer_is_wrong(change):
    assert Desk().judge(**change) is Verdict.WRONG


@pytest.mark.parametrize("uri", ["sip:CCserver", "SIP:ccserver", "sip:ccserver;ob"])
def test_a_proxy_may_have_written_the_request_uri_in_another_way(uri):
    """RFC 7616 §3.4.6: the same resource, by RFC 3261 §19.1.4."""
    assert Desk().judge(uri=uri) is Verdict.RIGHT


def test_an_algorithm_that_is_not_offered_is_asked_for_anew():
    desk = Desk(algorithms=("SHA-256",))

    assert desk.judge(algorithm="MD5") is Verdict.MISSING


def test_an_account_without_a_hash_for_the_algorithm_looks_like_a_wrong_password():
    old = {"1001": account("1001", "ccserver", "secret-1001", ("MD5",))}
    authenticator = Authenticator("ccserver", old.get, Clock(), b"key")
    nonce = nonce_of(authenticator.challenges(HOST)[0])
    proof = ("Authorization", credentials(nonce, algorithm="SHA-256"))

    verdict, _ = authenticator.verify(make_register([], extra=[proof]), HOST, "Authorization")

    assert verdict is Verdict.WRONG


# --- the nonce ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "verdict"), [(60.0, Verdict.RIGHT), (60.5, Verdict.STALE)])
def test_a_nonce_lives_for_a_minute(age, verdict):
    desk = Desk()
    desk.clock.now += age

    assert desk.judge() is verdict


@pytest.mark.parametrize("nonce", ["", "x", "1000.1-", "1000.1-" + "0" * 24, "1000", "-", "\udcff"])
def test_a_nonce_that_we_did_not_make_is_never_right(nonce):
    desk = Desk()
    desk.nonce = nonce

    assert desk.judge() in (Verdict.STALE, Verdict.WRONG)


def test_a_nonce_given_to_another_host_is_stale():
    desk = Desk()

    assert desk.judge(host="198.51.100.1") is Verdict.STALE


def test_a_nonce_with_its_birth_moved_is_stale():
    desk = Desk()
    birth, _, proof = desk.nonce.partition("-")
    desk.nonce = f"{birth[:-1]}9-{proof}"

    assert desk.judge() is Verdict.STALE


def test_a_wrong_password_with_an_old_nonce_is_wrong_and_not_stale():
    desk = Desk()
    desk.clock.now += 100

    assert desk.judge(password="guess") is Verdict.WRONG


# --- the count ------------------------------------------------------------------------------------


def test_the_count_must_grow():
    desk = Desk()

    assert desk.judge(nc=1) is Verdict.RIGHT
    assert desk.judge(nc=1) is Verdict.STALE
    assert desk.judge(nc=2) is Verdict.RIGHT
    assert desk.judge(nc=500) is Verdict.RIGHT
    assert desk.judge(nc=499) is Verdict.STALE


def test_a_stranger_cannot_use_up_the_counts_of_a_nonce():
    desk = Desk()

    assert desk.judge(nc=0xFFFFFFFF, password="guess") is Verdict.WRONG
    assert desk.judge(nc=1) is Verdict.RIGHT


def test_without_qop_a_nonce_is_good_once():
    desk = Desk()

    assert desk.judge(qop=None) is Verdict.RIGHT
    assert desk.judge(qop=None) is Verdict.STALE


def test_counts_are_forgotten_with_their_nonces():
    desk = Desk()
    for _ in range(1000):
        desk.challenge()
        desk.judge()
        desk.clock.now += 1

    assert len(desk.authenticator._counts) <= 2 * 62


def test_a_count_that_was_refused_is_refused_again_half_a_life_later():
    desk = Desk()
    assert desk.judge() is Verdict.RIGHT
    desk.clock.now += 30
    desk.challenge()
    assert desk.judge(nc=7) is Verdict.RIGHT
    used = desk.nonce

    desk.clock.now += 31
    desk.challenge()
    assert desk.judge() is Verdict.RIGHT  # a minute is over: what was counted in it lies apart

    desk.nonce = used
    assert desk.judge(nc=7) is Verdict.STALE
    assert desk.judge(nc=7) is Verdict.STALE
    assert desk.judge(nc=8) is Verdict.RIGHT


def test_beyond_the_bound_a_forgotten_count_cannot_be_repeated():
    desk = Desk(most_nonces=10)
    first = desk.nonce
    assert desk.judge() is Verdict.RIGHT

    for _ in range(20):
        desk.clock.now += 1
        desk.challenge()
        assert desk.judge() is Verdict.RIGHT

    desk.nonce = first
    assert desk.judge() is Verdict.STALE
    assert len(desk.authenticator._counts) <= 10


# --- what a stranger may learn ----------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", None])
def test_who_exists_cannot_be_told_from_the_work_done_a02(monkeypatch, algorithm, qop):
    """The same sums, over as many bytes, and the same comparison."""
    work = {}
    for user in ("1001", "1009"):
        desk = Desk()
        proof = credentials(desk.nonce, user=user, password="guess", algorithm=algorithm, qop=qop)
        request = make_register([], user=user, extra=[("Authorization", proof)])
        with Watched(monkeypatch) as work[user]:
            verdict, _ = desk.authenticator.verify(request, HOST, "Authorization")
        assert verdict is Verdict.WRONG

    assert work["1001"].done == work["1009"].done
    assert [kind for kind, _ in work["1001"].done] == [algorithm, algorithm, "compare"]


def test_no_repr_shows_a_secret():
    known = account("1001", "ccserver", "secret-1001", ("MD5", "SHA-256"))

    for text in (repr(known), str(known), pretty_repr(known), f"{[known]}"):
        assert "1001" in text
        assert "secret" not in text
        assert not any(secret in text for secret in known.ha1.values())


class Watched:
    """What the digest module works out meanwhile: (kind, size of what went in)."""

    def __init__(self, monkeypatch):
        self.done, self._patch = [], monkeypatch.context()

    def __enter__(self):
        patch = self._patch.__enter__()
        hash_, compare = digest._hash, digest.same_secret

        def watched_hash(algorithm, text):
            self.done.append((algorithm, len(text)))
            return hash_(algorithm, text)

        def watched_compare(one, other):
            self.done.append(("compare", (len(one), len(other))))
            return compare(one, other)

        patch.setattr(digest, "_hash", watched_hash)
        patch.setattr(digest, "same_secret", watched_compare)
        return self

    def __exit__(self, *error):
        return self._patch.__exit__(*error)


class Desk:
    """An authenticator that has challenged someone."""

    def __init__(self, **options):
        self.clock = Clock()
        self.authenticator = make_authenticator(self.clock, **options)
        self.challenge()

    def challenge(self):
        self.nonce = nonce_of(self.authenticator.challenges(HOST)[0])

    def judge(self, host=HOST, **how):
        proof = ("Authorization", credentials(self.nonce, **how))
        request = make_register([], extra=[proof])
        verdict, self.user = self.authenticator.verify(request, host, "Authorization")
        return verdict
