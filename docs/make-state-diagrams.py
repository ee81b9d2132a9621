"""Draws docs/states/*.md from the machines themselves: each case is an arrow.

    python docs/make-state-diagrams.py [--check]

Read by `ast` from the source: the states and messages of a `match self.state, message`, or of a
`match message` in a method that a `match self.state`, or a table of methods by state, leads to, and
the states that the case's body, or a method it calls, assigns to `self.state`.  A case that assigns
none is an arrow to its own state, and is left out when it does nothing at all.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parent.parent
STATES = ROOT / "docs" / "states"
MACHINES = {
    "client_invite": ("sip/transaction/client_invite.py", "ClientInvite"),
    "client_non_invite": ("sip/transaction/client_non_invite.py", "ClientNonInvite"),
    "server_invite": ("sip/transaction/server_invite.py", "ServerInvite"),
    "server_non_invite": ("sip/transaction/server_non_invite.py", "ServerNonInvite"),
    "invite_usage": ("sip/invite_usage/usage.py", "InviteUsage"),
    "leg": ("actors/leg.py", "Leg"),
    "contact": ("actors/contact.py", "Contact"),
    "search": ("actors/search.py", "Search"),
    "placement": ("actors/placement.py", "Placement"),
    "treatment": ("actors/treatment.py", "Treatment"),
    "walk": ("actors/walk.py", "Walk"),
    "availability": ("actors/availability.py", "Availability"),
    "engagement": ("actors/engagement.py", "Engagement"),
    "feature_call": ("actors/feature.py", "FeatureCall"),
    "load_caller": ("loadtest/caller.py", "Caller"),
    "load_agent": ("loadtest/agent.py", "AgentPhone"),
    "load_registration": ("loadtest/registration.py", "Registration"),
    "load_desk": ("loadtest/desk.py", "Desk"),
}
ANY = "any"
STATE = "self.state"


def main() -> int:
    stale = []
    for name, (path, machine) in MACHINES.items():
        page, place = draw(name, path, machine), STATES / f"{name}.md"
        if "--check" not in sys.argv:
            STATES.mkdir(exist_ok=True)
            place.write_text(page)
        elif not place.exists() or place.read_text() != page:
            stale.append(place.name)
    if stale:
        print(f"stale: {', '.join(stale)}: run make docs", file=sys.stderr)
    return 1 if stale else 0


def beside(path: str) -> list[ast.stmt]:
    """What stands in the file of the machine's states, where they have one of their own."""
    place = (ROOT / path).with_name(f"{Path(path).stem}_states.py")
    return ast.parse(place.read_text()).body if place.exists() else []


def draw(name: str, path: str, machine: str) -> str:
    tree = ast.parse((ROOT / path).read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == machine)
    methods = {n.name: n for n in found.body if isinstance(n, ast.FunctionDef)}
    states = {n.name for n in [*tree.body, *beside(path)] if isinstance(n, ast.ClassDef)}
    arrows: dict[tuple[str, str], list[str]] = {}
    for sources, messages, body in cases(methods, tabled(tree, machine)):
        targets = sorted(assigned(body, methods, states, set()))
        for source in sorted(sources):
            for message in sorted(messages):
                for target in targets or ([] if does_nothing(body) else [source]):
                    labels = arrows.setdefault((source, target), [])
                    if message not in labels:
                        labels.append(message)
    lines = [f"    {a} --> {b}: {', '.join(labels)}" for (a, b), labels in sorted(arrows.items())]
    text = "\n".join(lines)
    return (
        f"# {machine}\n\nDrawn from [{path}](../../{path}) by `make docs`; "
        f"`{ANY}` stands for every state.\n\n```mermaid\nstateDiagram-v2\n{text}\n```\n"
    )


Case: TypeAlias = tuple[set[str], set[str], list[ast.stmt]]
"""From which states, by which messages, and what is done."""
Methods: TypeAlias = dict[str, ast.FunctionDef]


def tabled(tree: ast.Module, machine: str) -> dict[str, set[str]]:
    """The machine's methods that stand in a table by state, and the states."""
    found: dict[str, set[str]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Dict):
            table = statement.value
            for key, value in zip(table.keys, table.values, strict=True):
                match key, value:
                    case ast.Name(state), ast.Attribute(ast.Name(of), name) if of == machine:
                        found.setdefault(name, set()).add(state)
    return found


def cases(methods: Methods, by_state: dict[str, set[str]]) -> Iterator[Case]:
    """Those of every `match` over states and messages, in the order of the source."""
    led_from = {**reached(methods), **by_state}
    for method in methods.values():
        here = led_from.get(method.name, {ANY})
        known = tests_of_state(method)
        for match in matches(method):
            for case in match.cases:
                if isinstance(case.body[0], ast.Raise) or leads_to(case.body, methods) is not None:
                    continue
                match match.subject:
                    case ast.Tuple():
                        yield from pairs(case, here)
                    case ast.Name("message" | "news") if method.name in led_from:
                        yield states_of(case.guard, known, here), names(case.pattern), case.body
                    case subject if ast.unparse(subject) == STATE and method.name in led_from:
                        yield names(case.pattern), messages_of(case.guard), case.body


def matches(method: ast.FunctionDef) -> list[ast.Match]:
    return [node for node in ast.walk(method) if isinstance(node, ast.Match)]


def pairs(case: ast.match_case, here: set[str]) -> Iterator[Case]:
    """Of a `match` over a state and a message."""
    for one in alternatives(case.pattern):
        if isinstance(one, ast.MatchSequence) and len(one.patterns) == 2:
            state, message = one.patterns
            sources = names(state)
            yield here if sources == {ANY} else sources, names(message), case.body


def reached(methods: Methods) -> dict[str, set[str]]:
    """The methods that hear messages, and from which states a `match self.state` leads there."""
    found: dict[str, set[str]] = {"handle": {ANY}}
    for method in methods.values():
        for match in matches(method):
            for case in match.cases:
                name = leads_to(case.body, methods)
                if name is not None:
                    is_state = ast.unparse(match.subject) == STATE
                    found.setdefault(name, set()).update(names(case.pattern) if is_state else {ANY})
        for call in [node for node in ast.walk(method) if isinstance(node, ast.Call)]:
            name = called(call, methods)
            if name is not None and name not in found:
                found[name] = {ANY}
    return {name: {ANY} if ANY in states else states for name, states in found.items()}


def leads_to(body: list[ast.stmt], methods: Methods) -> str | None:
    """The method, if a case does nothing but leave its message to one that looks at it."""
    match body:
        case [ast.Return(ast.Call() as call) | ast.Assign(value=ast.Call() as call)]:
            return called(call, methods)
        case _:
            return None


def called(call: ast.Call, methods: Methods) -> str | None:
    """The method, if it is given a message that it looks at."""
    match call.func:
        case ast.Attribute(ast.Name("self"), name) if name in methods:
            given = {ast.unparse(one) for one in call.args} & {"message", "effect"}
            looks = {ast.unparse(match.subject) for match in matches(methods[name])}
            said = any(one.endswith((STATE, "message", "message)", "news")) for one in looks)
            asked = ast.unparse(methods[name].returns or ast.Constant(None))
            return name if given and said and "TypeGuard" not in asked else None
        case _:
            return None


def tests_of_state(method: ast.FunctionDef) -> dict[str, str]:
    """What says which state it is: as it is written, and the variables that hold it."""
    found: dict[str, str] = {}
    for node in ast.walk(method):
        match node:
            case ast.Compare(left, [ast.Is()], [ast.Name(state)]):
                if ast.unparse(left) == f"type({STATE})":
                    found[ast.unparse(node)] = state
            case ast.Call(ast.Name("isinstance"), [which, ast.Name(state)]):
                if ast.unparse(which) == STATE:
                    found[ast.unparse(node)] = state
    for node in ast.walk(method):
        match node:
            case ast.Assign([ast.Name(variable)], value) if ast.unparse(value) in found:
                found[variable] = found[ast.unparse(value)]
    return found


def states_of(guard: ast.expr | None, known: dict[str, str], here: set[str]) -> set[str]:
    """Those in which a guard may hold."""
    match guard:
        case ast.UnaryOp(ast.Not(), inner) if ast.unparse(inner) in known:
            return here - {known[ast.unparse(inner)]}
        case ast.expr() if ast.unparse(guard) in known:
            return {known[ast.unparse(guard)]}
        case _:
            return here


def messages_of(guard: ast.expr | None) -> set[str]:
    match guard:
        case ast.Compare(left, [ast.Is()], [message]) if ast.unparse(left) == "type(message)":
            return {ast.unparse(message).rpartition(".")[2]}
        case _:
            return {ANY}


def alternatives(pattern: ast.pattern) -> list[ast.pattern]:
    return list(pattern.patterns) if isinstance(pattern, ast.MatchOr) else [pattern]


def names(pattern: ast.pattern) -> set[str]:
    """The classes a pattern names; a timer with its own name."""
    match pattern:
        case ast.MatchOr(patterns):
            return {name for one in patterns for name in names(one)}
        case ast.MatchAs(ast.pattern() as inner):
            return names(inner)
        case ast.MatchClass(cls, patterns):
            name = cls.attr if isinstance(cls, ast.Attribute) else ast.unparse(cls)
            if name == "TimerFired" and patterns and not isinstance(patterns[0], ast.MatchAs):
                return {f"timer {t}" for t in literals(patterns[0])}
            return {name}
        case _:
            return {ANY}


def literals(pattern: ast.pattern) -> list[str]:
    match pattern:
        case ast.MatchOr(patterns):
            return [text for one in patterns for text in literals(one)]
        case ast.MatchValue(ast.Constant(value)):
            return [str(value)]
        case _:
            return [ANY]


def assigned(
    body: list[ast.stmt],
    methods: Methods,
    states: set[str],
    seen: set[str],
) -> set[str]:
    """The states that this code, or the methods it calls, can set."""
    found: set[str] = set()
    made = {  # ringing = Ringing(...); self.state = ringing
        ast.unparse(target): node.value.func.id
        for node in (inner for statement in body for inner in ast.walk(statement))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in states
        for target in node.targets
    }
    for node in (inner for statement in body for inner in ast.walk(statement)):
        match node:
            case ast.Assign(targets, ast.Call(ast.Name(name))) if name in states:
                if any(ast.unparse(target) == "self.state" for target in flat(targets)):
                    found.add(name)
            case ast.Assign(targets, ast.Name(variable)) if variable in made:
                if any(ast.unparse(target) == "self.state" for target in flat(targets)):
                    found.add(made[variable])
            case ast.Call(ast.Attribute(ast.Name("self"), name)) if name in methods:
                if name not in seen:
                    seen.add(name)
                    found |= assigned(methods[name].body, methods, states, seen)
    for node in (inner for statement in body for inner in ast.walk(statement)):
        # before, self.state = self.state, Ending()
        match node:
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)):
                for target, value in zip(targets, values, strict=True):
                    if ast.unparse(target) == "self.state" and isinstance(value, ast.Call):
                        found.add(ast.unparse(value.func))
    return found


def flat(targets: list[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        yield from target.elts if isinstance(target, ast.Tuple) else [target]


def does_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(statement, ast.Pass) or ast.unparse(statement) in ("return []", "return None")
        for statement in body
    )


if __name__ == "__main__":
    sys.exit(main())
