"""docs/scenario.md, made from the model; a test says when it is out of date."""

from __future__ import annotations

from ccserver.settings import reference
from loadtest.scenario.model import Scenario
from loadtest.scenario.values import AUDIO, LATENCIES, PERCENTILES, SHARES

_HEAD = """\
# Scenarios

<!-- Made by `make docs` from loadtest/scenario/model.py: change it there. -->

One TOML file says what a load test does: [load-testing.md](load-testing.md) begins with one, and
`loadtest/scenarios/` has examples. `ccserver-load check FILE` says all that is wrong with one. On
the command line `--set arrivals.phases.steady.rate=50` outdoes the file; an element of an array is
named by its `name`, or by its number from 0.

A duration is a number of seconds or a distribution: `30`, `"uniform 5..20"`, `"exponential 60"`
(its mean), `"lognormal 180 0.5"` (median, and sigma of the logarithm), `"never"`. A share is a
number from 0 to 1. In a pattern `{n}` stands for the number, as Python formats it:
`"+4930{n:07d}"`.
"""


def markdown() -> str:
    return reference.markdown(Scenario, _HEAD) + "\n".join(_measures()) + "\n"


def _measures() -> list[str]:
    rows = ["## Measures\n", "What objectives may be about.\n", "| measure | of |", "|---|---|"]
    percentiles = ", ".join(f"`_{at}`" for at in PERCENTILES)
    rows += [f"| `{name}_..._seconds` | {text} |" for name, text in LATENCIES.items()]
    rows += [f"| `{name}` | {text} |" for name, text in {**SHARES, **AUDIO}.items()]
    return [*rows, "", f"The dots stand for {percentiles}: `setup_p99_seconds`."]
