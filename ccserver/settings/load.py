"""Settings from a file, the environment and the command line; all that is wrong said at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from ccserver.settings.checks import check
from ccserver.settings.finding import Finding
from ccserver.settings.model import Settings
from ccserver.settings.positions import Key, key_lines
from ccserver.settings.reading import (
    ConfigurationError,
    Places,
    Problem,
    apply_changes,
    read,
    validated,
)


class Loaded(Struct, frozen=True):
    """``warnings`` are worth saying, and stop nothing.  ``prompts`` is absolute."""

    settings: Settings
    warnings: tuple[Problem, ...]
    prompts: Path


def load(
    path: Path, overrides: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Loaded:
    """``overrides`` are ``key=value`` and outdo ``environ``, which outdoes the file.

    Raises ConfigurationError with every problem.
    """
    text, tree = read(path)
    places = Places(path, key_lines(text))
    problems = apply_changes(tree, overrides, environ or {}, places, Settings)
    settings, findings, unsure = validated(tree, Settings)
    prompts = path.parent
    if settings is not None:
        prompts = (path.parent / settings.media.prompts).resolve()
        wrong = [finding.key for finding in findings]
        findings += [each for each in check(settings, prompts, unsure) if not _follows(each, wrong)]
    findings = places.in_order(findings)
    problems = [places.problem(finding) for finding in findings if finding.fatal] + problems
    if problems or settings is None:
        raise ConfigurationError(problems)
    warnings = tuple(places.problem(finding) for finding in findings)
    return Loaded(settings, warnings, prompts)


def _follows(finding: Finding, wrong: Iterable[Key]) -> bool:
    """It is about a key that was said to be wrong, or about a rule that lost such a key."""
    depth = len(finding.key)
    return depth > 2 and any(key[:depth] == finding.key for key in wrong)
