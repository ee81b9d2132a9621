"""The command line: ``ccserver run``, and what one asks of a running server.

Exit status: 0 done; 1 refused, or the server failed; 2 the configuration or the command is wrong,
or a port is taken; 3 no server is running.
"""

from __future__ import annotations

import typer

from ccserver.cli import (
    auditing,
    commanding,
    explaining,
    foretelling,
    history,
    looking,
    replaying,
    reporting,
    reviewing,
    server,
    storing,
    trying,
    users,
)

__all__ = ["app", "main"]

app = typer.Typer(
    help="A contact-centre server: phones register, customers call, the right agent's phone rings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)
for command in (server.run, server.demo, server.check, server.reload):
    app.command()(command)
for command in (looking.status, looking.agents, looking.queues, looking.contacts, looking.events):
    app.command()(command)
app.command()(looking.waiting)
app.command()(commanding.agent)
app.command()(commanding.call)
app.add_typer(commanding.contact, name="contact")
commanding.contact.command("show")(looking.show_contact)
app.command("monitor")(commanding.monitor_target)
app.add_typer(users.app, name="users")
app.add_typer(storing.app, name="store")
app.command("try")(trying.try_)
app.command()(explaining.why)
app.command("why-not")(explaining.why_not)
app.command()(reviewing.at)
app.command()(history.history)
app.add_typer(reporting.app, name="report")
app.command("what-if")(foretelling.what_if)
app.command()(auditing.audit)
app.command()(replaying.replay)
app.command("config-reference")(server.config_reference)
app.command()(server.version)


def main() -> None:
    app()
