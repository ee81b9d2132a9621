"""The kinds of values that scenarios have beyond those of the configuration."""

from __future__ import annotations

import math
import re
from typing import Annotated, Protocol, TypeAlias

from msgspec import Struct
from pydantic import AfterValidator, Field, PlainValidator

from ccserver.settings.kinds import Kind

LONGEST = 7 * 24 * 3600.0
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_FORMS = {
    "fixed": re.compile(_NUMBER),
    "uniform": re.compile(rf"uniform {_NUMBER}\.\.{_NUMBER}"),
    "exponential": re.compile(rf"exponential {_NUMBER}"),
    "lognormal": re.compile(rf"lognormal {_NUMBER} {_NUMBER}"),
}
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
LATENCIES = {
    "setup": "caller: from the intended start to the first answer of the server (200)",
    "ring": "from the caller's intended start to the INVITE at an agent's phone",
    "wire": "from the caller's INVITE, as it goes, to an agent's, as it comes: the server's part",
    "agent": "from the caller's intended start to the agent's answer",
    "offer": "agents: from the end of a call to the next INVITE; callers waiting, no one else free",
    "register": "agents: from the intended start of a registration to its 200",
}
SHARES = {
    "failed_share": "calls refused, timed out, dropped or never started, of all",
    "abandoned_share": "callers whose patience ended, of all",
    "handled_share": "callers who talked, of all",
    "unfinished_share": "callers who had not talked yet when the test ended, of all",
    "overtaken_share": "callers passed by a later one for the same number, of all who were rung",
    "rtp_lost_share": "audio packets that did not come, of all that should have",
    "rtp_silent_share": "streams of a second or more in which nothing came, of all",
}
AUDIO = {
    "mos_min": "the worst call's estimated MOS",
    "mos_p5": "the MOS that 95 % of calls have at least",
    "rtp_jitter_p95_seconds": "jitter that 95 % of streams have at most",
}


class Dice(Protocol):
    """A source of chance; random.Random is one."""

    def random(self) -> float: ...

    def gauss(self, mu: float, sigma: float) -> float: ...


class Spread(Struct, frozen=True):
    """How long something takes: the same each time, or by chance."""

    form: str
    """``fixed``, ``uniform``, ``exponential``, ``lognormal`` or ``never``."""
    first: float = 0.0
    """The duration, the shortest, the mean or the median; seconds."""
    second: float = 0.0
    """The longest; or sigma of the logarithm."""

    def draw(self, dice: Dice) -> float:
        """Seconds; infinite for ``never``, and a week at most otherwise."""
        match self.form:
            case "never":
                return math.inf
            case "uniform":
                seconds = self.first + (self.second - self.first) * dice.random()
            case "exponential":
                seconds = -self.first * math.log(1.0 - dice.random())
            case "lognormal":
                seconds = self.first * math.exp(dice.gauss(0.0, self.second))
            case _:
                seconds = self.first
        return min(seconds, LONGEST)

    @property
    def typical(self) -> float:
        """The mean, or what stands for it, in seconds."""
        match self.form:
            case "uniform":
                return (self.first + self.second) / 2
            case "lognormal":
                return self.first * math.exp(self.second**2 / 2)
            case "never":
                return math.inf
            case _:
                return self.first

    def __str__(self) -> str:
        match self.form:
            case "never":
                return "never"
            case "uniform":
                return f"uniform {self.first:g}..{self.second:g}"
            case "lognormal":
                return f"lognormal {self.first:g} {self.second:g}"
            case "exponential":
                return f"exponential {self.first:g}"
            case _:
                return f"{self.first:g}"


NEVER = Spread("never")


def read_spread(value: object) -> Spread:
    """Raises ValueError."""
    if isinstance(value, Spread):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST:
            raise ValueError
        return Spread("fixed", float(value))
    if not isinstance(value, str):
        raise ValueError
    text = " ".join(value.split())
    if text == "never":
        return NEVER
    for form, pattern in _FORMS.items():
        if found := pattern.fullmatch(text):
            spread = Spread(form, *map(float, found.groups()))
            if spread.first > LONGEST or (form == "uniform" and spread.first > spread.second):
                raise ValueError
            if form == "lognormal" and spread.second > 5:
                raise ValueError
            return spread
    raise ValueError


def check_pattern(text: str) -> str:
    """A text with ``{n}``: the number, or ``{n:06d}``.  Raises ValueError."""
    if text.format(n=1) == text.format(n=2) and "{" in text:
        raise ValueError
    return text


def _pattern(text: str) -> str:
    try:
        return check_pattern(text)
    except (KeyError, IndexError, AttributeError):
        raise ValueError from None


def measures() -> list[str]:
    """Everything an objective may be about."""
    timed = [f"{name}_{at}_seconds" for name in LATENCIES for at in PERCENTILES]
    return [*timed, *SHARES, *AUDIO]


def _measure(text: str) -> str:
    if text not in measures():
        raise ValueError
    return text


Time: TypeAlias = Annotated[
    Spread,
    PlainValidator(read_spread),
    Kind(
        'seconds, as 30, "uniform 5..20", "exponential 60" (mean), "lognormal 180 0.5" '
        '(median, sigma) or "never"',
        '"exponential 60"',
    ),
]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Pattern: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_pattern),
    Kind("text in which {n} stands for the number, as in agent-{n} or +4930{n:07d}", '"{n}"'),
]
Url: TypeAlias = Annotated[
    str,
    Field(pattern=r"^https?://[^/\s]+"),
    Kind('"http://HOST:PORT/..." or "https://..."', '"http://127.0.0.1:9464/metrics"'),
]
Keys: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[0-9*#A-D,]{0,32}$"),
    Kind("up to 32 keys of a phone, 0 to 9, *, #, A to D, and commas", '"1,2"'),
]
Destination: TypeAlias = Annotated[
    str,
    Field(pattern=r"^(queue|agent|entry_point|number):.+$"),
    Kind('"queue:NAME", "agent:ID", "entry_point:NAME" or "number:NUMBER"', '"queue:support"'),
]
Metric: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*(:p[0-9]{1,4})?$"),
    Kind('the name of a metric, or "NAME:p99" of a histogram', '"ccserver_queue_waiting"'),
]
Measure: TypeAlias = Annotated[
    str,
    AfterValidator(_measure),
    Kind(
        f"a measure: {', '.join(LATENCIES)} with _{', _'.join(PERCENTILES)} and _seconds, as "
        f"setup_p99_seconds; or {', '.join([*SHARES, *AUDIO])}",
        '"setup_p99_seconds"',
    ),
]
