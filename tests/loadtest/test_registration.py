from __future__ import annotations

import pytest

from loadtest import registration as r
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import digest

CHALLENGE = str(digest.Challenge("ccserver", "abc", "MD5"))


def phone() -> r.Registration:
    return r.Registration("1001", "secret", "sip:ccserver", 300, "00c0ffee")


def tell(machine: r.Registration, *messages: r.Message) -> list[r.Effect]:
    return [effect for message in messages for effect in machine.handle(message)]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", None])
def test_the_challenge_is_answered_with_a_proof_that_holds(algorithm, qop):
    machine = phone()
    assert tell(machine, r.Register()) == [CancelTimer("register"), r.SendRegister(300, None)]
    asked = str(digest.Challenge("ccserver", "abc", algorithm, qop=qop, opaque="o"))

    (sent,) = tell(machine, r.Answered(401, asked))

    assert isinstance(sent, r.SendRegister)
    assert sent.proof is not None
    name, value = sent.proof
    shown = digest.Credentials.parse(value)
    assert name == "Authorization"
    assert shown.proves(digest.ha1(algorithm, "1001", "ccserver", "secret"), "REGISTER")
    assert not shown.proves(digest.ha1(algorithm, "1001", "ccserver", "other"), "REGISTER")
    assert shown.opaque == "o"


def test_it_is_renewed_at_half_its_time():
    machine = phone()

    effects = tell(machine, r.Register(), r.Answered(401, CHALLENGE), r.Answered(200))

    assert effects[-2:] == [r.Registered(), StartTimer("register", 150.0)]
    assert tell(machine, TimerFired("register"))[-1] == r.SendRegister(300, None)


@pytest.mark.parametrize("answer", [r.Answered(401, CHALLENGE), r.Answered(403), r.Unanswered()])
def test_a_refusal_is_told_and_tried_again(answer):
    machine = phone()
    effects = tell(machine, r.Register(), r.Answered(401, CHALLENGE), answer)

    status = getattr(answer, "status", None)
    assert effects[-2:] == [r.Failed(status), StartTimer("register", r.RETRY)]


def test_a_challenge_that_cannot_be_answered_is_a_refusal():
    effects = tell(phone(), r.Register(), r.Answered(401, 'Bearer realm="x"'))

    assert effects[-2] == r.Failed(401)


def test_who_leaves_while_he_registers_leaves_afterwards():
    machine = phone()

    effects = tell(machine, r.Register(), r.Unregister(), r.Answered(200), r.Answered(200))

    assert effects[-2:] == [r.SendRegister(0, None), r.Ended()]
    assert machine.state == r.Out()


def test_who_cannot_leave_is_gone_all_the_same():
    machine = phone()
    tell(machine, r.Register(), r.Answered(200))

    assert tell(machine, r.Unregister(), r.Unanswered())[-1] == r.Ended()
