"""One seed for what a test leaves to chance, so that what failed once fails again.

Trio draws in which order tasks go on that are ready at the same time; a test has to bear with any.
What it draws from begins anew with each test, by ``TESTS_SEED`` and the test's name, and a test
that failed says the seed.  Where none is given, continuous integration takes 0, so that a red run
tells of the change and not of the day, and whoever runs the tests by hand has another each time.
Hypothesis does so by itself.

How long an example takes, or is made, says how busy the machine is: no property fails by it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from random import randrange

import pytest
import trio._core._run as trio_run
from hypothesis import HealthCheck, settings

SEED = int(os.environ.get("TESTS_SEED") or ("0" if "CI" in os.environ else randrange(2**32)))

settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_report_header() -> str:
    return f"seed: {SEED}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    trio_run._r.seed(f"{SEED} {item.nodeid}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("seed", f"TESTS_SEED={SEED}"))
    return report
