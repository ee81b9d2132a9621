from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import annotated_types as at
import pytest
from pydantic import SecretStr

from ccserver.settings.changes import (
    BadChange,
    Change,
    apply,
    from_command_line,
    from_environment,
    hand_down,
    handed_down,
)
from ccserver.settings.model import Settings
from ccserver.settings.positions import Key
from ccserver.settings.schema import Shape, fields_of, shape_of


def every_key(shape: Shape, key: Key = ()) -> Iterator[tuple[Key, Shape]]:
    """All that can be set, with 0 for an element of an array of tables."""
    for name, field in fields_of(shape).items():
        inner = shape_of(field.annotation, tuple(field.metadata))
        element = shape_of(get_args(inner.base)[0]) if inner.origin is list else inner
        if not element.is_table:
            yield (*key, name), inner
        elif inner.origin is list:
            yield from every_key(element, (*key, name, 0))
        else:
            yield from every_key(element, (*key, name))


EVERY_KEY = [
    pytest.param(key, shape, id=".".join(map(str, key)))
    for key, shape in every_key(Shape(Settings))
]


def small() -> dict[str, Any]:
    return {
        "hours": [
            {
                "name": "h",
                "time_zone": "UTC",
                "weekly": ["mon 09:00-17:00"],
                "special_days": [{"date": "12-24"}],
            }
        ],
        "agents": [{"id": "1", "secret": "s"}],
        "accounts": [{"name": "a", "password": "p", "role": "administrator"}],
        "queues": [
            {
                "name": "q",
                "diversions": [{"when": "no_agents"}],
                "overflows": [{"when": "no_agents"}],
                "rings": [{"after_seconds": 9.0}],
                "treatment": [{"say": "position"}],
            }
        ],
        "entry_points": [
            {"name": "e", "flow": [{"answer": True}], "diversions": [{"when": "no_agents"}]}
        ],
        "trunks": [{"name": "t", "from": ["127.0.0.1"]}],
        "dial_plan": [{"prefix": "0"}],
        "directory": [{"name": "d", "number": "1"}],
    }


def sample(shape: Shape) -> tuple[str, Any]:
    """A text that can be set, and the value that must come of it."""
    if shape.kind is not None:
        text = shape.kind.example.strip('"')
        if shape.is_secret:
            return text, SecretStr(text)
        return (text, ["support"]) if text.startswith("[") else (text, text)
    if shape.origin is list:
        text, value = sample(shape_of(get_args(shape.base)[0]))
        return f"{text}, {text}", [value, value]
    if shape.origin is dict:
        _, value = sample(shape_of(get_args(shape.base)[1]))
        return f"{{ french = {value!r} }}", {"french": value}
    if shape.origin is Literal:
        choice = get_args(shape.base)[-1]
        return ("true", True) if choice is True else (choice, choice)
    if shape.base is bool:
        return "true", True
    if shape.base in (int, float):
        most = shape.mark(at.Le)
        value = min(most.le if most else 7, 7)
        return str(value), value
    return "1234", SecretStr("1234") if shape.is_secret else "1234"


@pytest.mark.parametrize(("key", "shape"), EVERY_KEY)
def test_every_key_can_be_set_on_the_command_line(key: Key, shape: Shape):
    text, expected = sample(shape)
    (change,) = from_command_line([f"{'.'.join(map(str, key))}={text}"])

    assert value_after(change, key) == expected


@pytest.mark.parametrize(("key", "shape"), EVERY_KEY)
def test_every_key_can_be_set_by_the_environment(key: Key, shape: Shape):
    text, expected = sample(shape)
    (change,) = from_environment({f"CCSERVER_{'__'.join(map(str, key)).upper()}": text})

    assert value_after(change, key) == expected


def test_an_element_is_found_by_its_name_or_id_before_its_number():
    tree = small()
    tree["agents"] = [{"id": "1", "secret": "a"}, {"id": "0", "secret": "b"}]

    key = apply(Change("--set", "agents.0.secret", "c"), tree)

    assert key == ("agents", 1, "secret")
    assert [agent["secret"] for agent in tree["agents"]] == ["a", "c"]


def test_text_that_looks_like_a_number_stays_text_where_text_is_wanted():
    tree = small()

    apply(Change("--set", "agents.1.secret", "0123"), tree)
    apply(Change("--set", "sip.realm", "2026-01-01"), tree)
    apply(Change("--set", "agents.1.team", '"quoted"'), tree)

    assert tree["agents"][0] == {"id": "1", "secret": "0123", "team": "quoted"}
    assert tree["sip"]["realm"] == "2026-01-01"


def test_an_empty_text_unsets_what_may_be_absent_and_nothing_else():
    tree = small() | {"queues": [{"name": "q", "max_waiting": 3}]}

    apply(Change("--set", "queues.q.max_waiting", ""), tree)
    apply(Change("--set", "agents.1.name", ""), tree)

    settings = Settings.model_validate(tree)
    assert settings.queues[0].max_waiting is None
    assert settings.agents[0].name == ""


def test_a_value_cannot_smuggle_in_another_key():
    tree = small()

    apply(Change("CCSERVER_SIP__REALM", "sip.realm", '"a"\n[data]\ndir = "x"'), tree)

    assert "data" not in tree


@pytest.mark.parametrize("key", ["sip.realm.x", "agents.9.secret", "x.y", "agents.x", "a..b", "x"])
def test_a_key_that_is_none_is_refused(key: str):
    tree = small() | {"sip": {"realm": "a"}}

    with pytest.raises(BadChange):
        apply(Change("--set", key, "1"), tree)


def test_variables_that_others_put_there_are_left_alone():
    theirs = {
        "CCSERVER_PORT": "tcp://10.0.0.1:80",
        "CCSERVER_SERVICE_HOST": "10.0.0.1",
        "PATH": "/",
    }

    assert list(from_environment(theirs)) == []


def test_overrides_reach_another_process_in_their_order():
    environ = hand_down(["a=1"], {"PATH": "/"})

    assert handed_down(hand_down(["b=2", "a=3"], environ)) == ["a=1", "b=2", "a=3"]


def value_after(change: Change, key: Key) -> Any:
    tree = small()
    assert apply(change, tree) == key
    found: Any = Settings.model_validate(tree)
    for part in key:
        found = (
            found[part]
            if isinstance(part, int)
            else getattr(found, {"from": "from_"}.get(part, part))
        )
    return found
