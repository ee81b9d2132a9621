"""store.url: what is one, and that nobody is shown it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccserver.settings import ConfigurationError, load
from ccserver.settings.content import content_of, settings_of

DEMONSTRATION = Path("config/ccserver.toml")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/store.sqlite",
        "sqlite:////srv/store.sqlite",
        "postgresql+psycopg://db.example.com/ccserver",
        "postgresql+psycopg://ccserver:s3cret@[::1]:5433/ccserver?sslmode=require",
        "postgresql+psycopg:///ccserver?host=/run/postgresql",
    ],
)
def test_a_database_is_named_by_its_url(url: str) -> None:
    settings = load(DEMONSTRATION, [f"store.url={url}"]).settings
    assert settings.store.url is not None
    assert settings.store.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ccserver:hunter2@h/ccserver",
        "postgresql://ccserver:hunter2@h/ccserver",
        "postgresql+psycopg://ccserver:hunter2@h",
        "postgresql+psycopg://ccserver:hunter2@h:port/ccserver",
        "postgresql+psycopg://ccserver:hunter2@h/cc server",
        "sqlite://hunter2/store.sqlite",
        "sqlite:///",
        "hunter2",
    ],
)
def test_one_that_is_none_is_named_by_its_place_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(DEMONSTRATION, [f"store.url={url}"])
    said = str(raised.value)
    assert said.startswith("--set: store.url: expected ")
    assert "hunter2" not in said


def test_the_journal_keeps_no_password_and_its_settings_can_be_read_back() -> None:
    url = "postgresql+psycopg://ccserver:hunter2@h/ccserver"
    content = content_of(load(DEMONSTRATION, [f"store.url={url}"]).settings)
    assert "hunter2" not in str(content)
    assert settings_of(content).store.enabled
