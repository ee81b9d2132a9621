"""A phone that registers, as bytes, and the registrar's world with a clock that tests move."""

from __future__ import annotations

from sip.authentication import Account, Authenticator, account
from sip.message import Credentials, Request, Response
from sip.message.digest import ha1
from sip.message.digest import response as digest_response
from sip.registrar import Limits, RegisterReceived, Registrar, Reply
from sip.transport.path import Path
from tests.support.builders import as_request

REALM = "ccserver"
DOMAINS = (REALM, "pbx.example.com", "2001:db8::1")
PASSWORDS = {"1001": "secret-1001", "1002": "secret-1002"}
ALGORITHMS = ("MD5", "SHA-256")
HERE = Path("udp", 0, ("192.0.2.7", 5060))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_authenticator(clock: Clock, **options) -> Authenticator:
    accounts: dict[str, Account] = {
        user: account(user, REALM, password, ALGORITHMS) for user, password in PASSWORDS.items()
    }
    return Authenticator(REALM, accounts.get, clock, b"a key of the server", **options)


def nonce_of(challenge: str) -> str:
    return Credentials.parse(challenge).nonce


def credentials(
    nonce: str,
    *,
    user: str = "1001",
    password: str | None = None,
    method: str = "REGISTER",
    uri: str = "sip:ccserver",
    realm: str = REALM,
    algorithm: str = "MD5",
    qop: str | None = "auth",
    nc: int = 1,
) -> str:
    """The value of an Authorization header that answers a challenge."""
    secret = ha1(algorithm, user, realm, password or PASSWORDS.get(user, "guess"))
    count = f"{nc:08x}"
    answer = digest_response(
        algorithm, secret, nonce, method, uri, qop=qop, nc=count, cnonce="c0ffee"
    )
    text = (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{answer}", algorithm={algorithm}'
    )
    return text if qop is None else f'{text}, qop={qop}, nc={count}, cnonce="c0ffee"'


def make_register(
    contacts: list[str],
    *,
    user: str = "1001",
    number: int = 1,
    call_id: str = "one@phone",
    domain: str = REALM,
    extra: list[tuple[str, str]] | None = None,
) -> Request:
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{call_id}{number};rport"),
        ("From", f"<sip:{user}@{domain}>;tag=f"),
        ("To", f"<sip:{user}@{domain}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{number} REGISTER"),
        *(("Contact", contact) for contact in contacts),
        *(extra or []),
    ]
    return as_request(Request.build("REGISTER", "sip:ccserver", headers).encode())


class Office:
    """A registrar, its clock, and the timer it asked for."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.authenticator = make_authenticator(self.clock)
        self.registrar = Registrar(
            self.authenticator, self.clock, limits or Limits(), frozenset(DOMAINS)
        )
        self.number = 0

    def register(
        self,
        *contacts: str,
        user: str = "1001",
        path: Path = HERE,
        number: int | None = None,
        extra: list[tuple[str, str]] | None = None,
        call_id: str = "one@phone",
        domain: str = REALM,
        local: str = "",
    ) -> tuple[Response, list]:
        """An authenticated REGISTER: the response, and the other effects."""
        self.number = self.number + 1 if number is None else number
        challenge = self.authenticator.challenges(path.remote[0])[0]
        proof = ("Authorization", credentials(nonce_of(challenge), user=user))
        request = make_register(
            list(contacts),
            user=user,
            number=self.number,
            extra=[proof, *(extra or [])],
            call_id=call_id,
            domain=domain,
        )
        return self.hear(request, path, local)

    def hear(self, request: Request, path: Path = HERE, local: str = "") -> tuple[Response, list]:
        reply, *effects = self.registrar.handle(RegisterReceived(request, path, "t", local))
        assert isinstance(reply, Reply)
        return reply.response, effects
