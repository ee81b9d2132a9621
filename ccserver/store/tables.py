"""The tables, for those who write SQL: what is in each, and what each column means.

docs/store.md is made of this.  Times are microseconds since 1970, UTC; no type is one database's.
A change here needs a revision in ``migrations/versions``: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from ccserver.store import rows

metadata = MetaData()
ABOUT = "about"
"""Key of a table's ``info``: what one row of it is."""


def _seq() -> Column[int]:
    return Column(
        "seq", BigInteger, nullable=False, doc="Number of the event that touched the row last"
    )


NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite keeps a table in the order of such a key: one index less."""


def _number() -> Column[int]:
    return Column(
        "id",
        NUMBER,
        primary_key=True,
        autoincrement=False,
        doc="Number of the event that began it",
    )


def _text(name: str, about: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, doc=about)


def _time(name: str, about: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null, doc=about)


contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True, doc="As `ccserver contact show` takes it"),
    _seq(),
    _text("channel", "`voice`"),
    _text("direction", "`inbound`; `outbound`: an agent placed the call"),
    _text("entry_point", "Where it arrived; empty if outbound"),
    _text("ani", "The customer's number, whoever called"),
    _text("dnis", "The number dialled; of an outbound one, the number that was shown"),
    _time("arrived_at", "When it began"),
    _text("trunk", "By which an outbound one left", null=True),
    _text("queue", "The last queue it was in", null=True),
    _text("agent", "Who served the customer last, or placed the call", null=True),
    _time("queued_at", "When it first waited in a queue", null=True),
    _time("answered_at", "When customer and agent first spoke", null=True),
    _text("transferred_to", "Where it was transferred last, as `queue:sales`", null=True),
    _time("ended_at", "Null: it lives", null=True),
    _text("outcome", "As the event `contact.ended` has it: docs/reasons.md", null=True),
    _text("during", "Where an abandoned one was: `flow`, `queue` or `ringing`", null=True),
    _text("reason", "Why it ended so", null=True),
    _text("ended_by", "`customer`, `agent`, `outsider` or `system`", null=True),
    Column("waited_seconds", Double, doc="In its last queue, until it was answered or ended"),
    Column("talked_seconds", Double, doc="With agents of its last queue"),
    Index("contacts_arrived", "arrived_at"),
    Index("contacts_ani", "ani", "arrived_at"),
    info={ABOUT: "One row for each customer's attempt to reach us, or agent's to reach a customer"},
)

segments = Table(
    "segments",
    metadata,
    _number(),
    _seq(),
    _text("contact", "Its contact"),
    _text(
        "kind",
        "`flow`, `queue`, `ringing` (an agent's phone), `dialling` (a call that an agent places), "
        "`transfer` (somebody is sought by name or number), or a state of the conversation: "
        "`connected`, `held`, `consult_requested`, `consulting`, `consult_on_hold`, "
        "`both_on_hold`, `conference`, `post_call`",
    ),
    _text("queue", "Of which queue", null=True),
    _text("agent", "Who is in control of the conversation, or is rung (first)", null=True),
    _time("began_at", "Each begins when the one before it ends"),
    _time("ended_at", "Null: it goes on", null=True),
    Index("segments_contact", "contact"),
    Index("segments_queue", "queue", "began_at"),
    Index("segments_agent", "agent", "began_at"),
    info={ABOUT: "Where the customer of a contact was, from its arrival to its end, without a gap"},
)

offers = Table(
    "offers",
    metadata,
    _number(),
    _seq(),
    _text("contact", "Which contact"),
    _text("queue", "By which queue", null=True),
    _text("agent", "To whom"),
    _text("leg", "Of which phone: a row of `legs`"),
    _time("began_at", "The INVITE to the phone"),
    Column(
        "delay_seconds",
        Double,
        nullable=False,
        doc="From the moment the pair had become possible to the INVITE",
    ),
    _time("ended_at", "Null: it rings", null=True),
    _text(
        "result",
        "`connected`; `elsewhere`: another answered; `withdrawn`: the customer went; else why it "
        "came back, as `RONA_TIMER_EXPIRED`: docs/reasons.md",
        null=True,
    ),
    Index("offers_contact", "contact"),
    Index("offers_agent", "agent", "began_at"),
    info={ABOUT: "One row for each time a contact was presented to an agent: his phone rang"},
)

legs = Table(
    "legs",
    metadata,
    Column("id", Text, primary_key=True, doc="The contact's id, `/` and a number"),
    _seq(),
    _text("contact", "Its contact, or an agent's dialling of a feature code"),
    _text("direction", "`inbound`: the phone called us; `outbound`: we called it"),
    _text("target", "The URI that was called"),
    _text("call_id", "SIP's Call-ID, as the phone or the gateway knows the call", null=True),
    _time("began_at", "The INVITE"),
    _text("kind", "`customer`, `agent`, `outsider` or `supervisor`", null=True),
    _text("party", "`customer`, the agent's id, or the outsider's number", null=True),
    _time("confirmed_at", "When it was first answered", null=True),
    _time("ended_at", "Null: it stands", null=True),
    _text("cause", "Why it ended; `restart`: it was lost with a run of the server", null=True),
    Column("status", Integer, doc="The SIP status it ended with, if it did"),
    Column("by_us", Boolean, doc="Whether we hung up"),
    Index("legs_contact", "contact"),
    Index("legs_call_id", "call_id"),
    info={ABOUT: "One row for each party's SIP dialog and audio"},
)

activities = Table(
    "activities",
    metadata,
    _number(),
    _seq(),
    _text("agent", "Whose"),
    _text("channel", "`voice`"),
    _text("state", "`signed_out`, `idle`, `available`, `reserved`, `engaged` or `wrap_up`"),
    _text("code", "The idle code, or the wrap-up code that was given", null=True),
    _text("contact", "What he had in hand", null=True),
    _text("queue", "Of which queue", null=True),
    _text("kind", "For what: `contact`, `consult`, `transfer`, `monitor` or `outbound`", null=True),
    _time("began_at", "Each begins when the one before it ends"),
    _time("ended_at", "Null: it goes on", null=True),
    Index("activities_agent", "agent", "began_at"),
    Index("activities_contact", "contact"),
    info={ABOUT: "Agent activity records: what each agent did, without a gap"},
)

decisions = Table(
    "decisions",
    metadata,
    _number(),
    _seq(),
    _text("contact", "For which contact"),
    _text("request", "The contact's id; with `.2`, `.3` ...: a later wish of it for an agent"),
    _text("queue", "By whose rules"),
    _text("agent", "Who was chosen"),
    _time("decided_at", "When"),
    Column("delay_seconds", Double, nullable=False, doc="Since the pair had become possible"),
    _text("because", "What had changed: `agent`, `contact`, `time`, `room` or `policy`"),
    _text("strategy", "The queue's"),
    _text("configuration", "The version of the configuration whose rules were applied"),
    Column("ring", Integer, nullable=False, doc="From 0; -1: kept for preferred agents"),
    _text("needs", "What was asked of an agent in that ring"),
    Column("overdue", Boolean, nullable=False, doc="Nobody might overtake it any more"),
    Column("draw", Double, doc="The number from 0 to 1 that was drawn"),
    Column("candidates", JSON, nullable=False, doc="Those compared, best first: docs/why.md"),
    Column("passed_over", JSON, nullable=False, doc="How many others were not, by reason"),
    Column("others", JSON, nullable=False, doc="Ring-all: who rang beside the agent"),
    Index("decisions_contact", "contact"),
    Index("decisions_agent", "agent", "decided_at"),
    info={ABOUT: "Who was chosen for whom, and by what; `ccserver why` explains one in full"},
)

position = Table(
    "position",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, doc="1: the only row"),
    Column("seq", BigInteger, nullable=False, doc="All events up to this number are in"),
    Column("at", BigInteger, nullable=False, doc="When that event was written"),
    info={ABOUT: "How far the journal has been folded; it moves with the rows, in one transaction"},
)

TABLES: dict[type[rows.Row], Table] = {
    rows.Contact: contacts,
    rows.Segment: segments,
    rows.Offer: offers,
    rows.Leg: legs,
    rows.Activity: activities,
    rows.Decision: decisions,
}
ENDING = (rows.Contact, rows.Segment, rows.Offer, rows.Leg, rows.Activity)
"""Those that may go on; of each, the ones without an end are found by an index of their own."""
for _kind in ENDING:
    _table = TABLES[_kind]
    _open = _table.c.ended_at.is_(None)
    Index(f"{_table.name}_going_on", _table.c.id, sqlite_where=_open, postgresql_where=_open)
