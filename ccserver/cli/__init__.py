"""The command line: ``ccserver run``, and what one asks of a running server.

Exit status: 0 done; 1 refused, or the server failed; 2 the configuration or the command is wrong,
or a port is taken; 3 no server is running.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["COMMANDS", "app", "main"]


class Lazy(NamedTuple):
    """A command, imported when it is called: all of them together take half a second.

    ``what``: a function, or a ``Typer`` with commands of its own, of a module of this package;
    ``about``: the first paragraph of its help.
    """

    name: str
    module: str
    what: str
    about: str

    def load(self) -> Any:
        found = getattr(import_module(f"{__name__}.{self.module}"), self.what)
        alone = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=self.name)
            group = typer.main.get_group(alone)
            return group.commands[self.name]
        alone.command(self.name)(found)
        return typer.main.get_command(alone)


COMMANDS = (
    Lazy(
        "run",
        "server",
        "run",
        "Run the server until SIGTERM or Ctrl-C: then it drains.  A second one ends it at once.",
    ),
    Lazy(
        "demo",
        "server",
        "demo",
        "Run the server with simulated agents and customers, and watch calls move.",
    ),
    Lazy(
        "check",
        "server",
        "check",
        "Say everything that is wrong with a configuration, with file, line and key.",
    ),
    Lazy(
        "reload",
        "server",
        "reload",
        "Have the running server read its configuration again.  A wrong one changes nothing.",
    ),
    Lazy(
        "status", "looking", "status", "Show agents and queues; in a terminal live, until Ctrl-C."
    ),
    Lazy("agents", "looking", "agents", "Show who the agents are and what they do."),
    Lazy("queues", "looking", "queues", "Show who waits where."),
    Lazy("contacts", "looking", "contacts", "Show the contacts that are there now."),
    Lazy(
        "events",
        "looking",
        "events",
        "Show what happens, as the journal has it; where nobody looks, one JSON object a line.",
    ),
    Lazy(
        "waiting",
        "looking",
        "waiting",
        "Show who waits in a queue, who is available, and to whom each could be assigned.",
    ),
    Lazy("agent", "commanding", "agent", "Change an agent's state in the running server."),
    Lazy(
        "call",
        "commanding",
        "call",
        "Call a number in an agent's name: his phone rings, then the number's.",
    ),
    Lazy("contact", "commanding", "contact", "Show a contact, or command it in an agent's name."),
    Lazy(
        "monitor",
        "commanding",
        "monitor_target",
        "Call a supervisor when an agent, a team or a queue has its next conversation.",
    ),
    Lazy("users", "users", "app", "Who may sign in at the web process."),
    Lazy("store", "storing", "app", "The store: the journal in tables (docs/store.md)."),
    Lazy(
        "try",
        "trying",
        "try_",
        "Say what would happen to callers by a configuration, and why; nobody is called.",
    ),
    Lazy(
        "why",
        "explaining",
        "why",
        "Say why a contact went where it went: each decision, and a verdict on every agent.",
    ),
    Lazy(
        "why-not",
        "explaining",
        "why_not",
        "Say why a contact did not go to this agent: the verdict on him at each decision, and now.",
    ),
    Lazy(
        "at",
        "reviewing",
        "at",
        "Show the centre as it was: agents, queues, and the contacts that were there.",
    ),
    Lazy(
        "history",
        "history",
        "history",
        "Show what became of contacts, the latest first: by time, number, queue, agent, outcome.",
    ),
    Lazy("report", "reporting", "app", "Say what happened, by queue, agent, interval or contact."),
    Lazy(
        "what-if",
        "foretelling",
        "what_if",
        "Play a recorded day again by another configuration or staffing, and compare.",
    ),
    Lazy(
        "audit",
        "auditing",
        "audit",
        "Check the whole journal, and the running server's state against it.",
    ),
    Lazy(
        "replay",
        "replaying",
        "replay",
        "Replay a day, or a part of it, from what was recorded: the same must come of it.",
    ),
    Lazy(
        "config-reference",
        "server",
        "config_reference",
        "Make docs/configuration.md: every key, what it takes and what it is for.",
    ),
    Lazy("version", "server", "version", "Show the version."),
)


class _Commands(TyperGroup):
    """It lists them all, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        shown = {each.name: TyperCommand(each.name, help=each.about) for each in COMMANDS}
        super().__init__(**{**attributes, "commands": shown})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, next(each for each in COMMANDS if each.name == name).load(), rest


app = typer.Typer(
    cls=_Commands,
    help="A contact-centre server: phones register, customers call, the right agent's phone rings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)


@app.callback()
def _no_options() -> None:
    """None but those of the commands."""


def main() -> None:
    app()
