"""Contacts, segments, legs, activities and decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("entry_point", sa.Text, nullable=False),
        sa.Column("ani", sa.Text, nullable=False),
        sa.Column("dnis", sa.Text, nullable=False),
        sa.Column("arrived_at", sa.BigInteger, nullable=False),
        sa.Column("trunk", sa.Text),
        sa.Column("queue", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("queued_at", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("transferred_to", sa.Text),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("during", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("ended_by", sa.Text),
        sa.Column("waited_seconds", sa.Double),
        sa.Column("talked_seconds", sa.Double),
    )
    op.create_table(
        "segments",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("queue", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "legs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("party", sa.Text),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("cause", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("by_us", sa.Boolean),
    )
    op.create_table(
        "activities",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("contact", sa.Text),
        sa.Column("queue", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "decisions",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("decided_at", sa.BigInteger, nullable=False),
        sa.Column("delay_seconds", sa.Double, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("configuration", sa.Text, nullable=False),
        sa.Column("ring", sa.Integer, nullable=False),
        sa.Column("needs", sa.Text, nullable=False),
        sa.Column("overdue", sa.Boolean, nullable=False),
        sa.Column("draw", sa.Double),
        sa.Column("candidates", sa.JSON, nullable=False),
        sa.Column("passed_over", sa.JSON, nullable=False),
        sa.Column("others", sa.JSON, nullable=False),
    )
    op.create_table(
        "position",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO position (id, seq, at) VALUES (1, 0, 0)")
    for name, table, columns in (
        ("contacts_arrived", "contacts", ["arrived_at"]),
        ("contacts_ani", "contacts", ["ani", "arrived_at"]),
        ("segments_contact", "segments", ["contact"]),
        ("segments_queue", "segments", ["queue", "began_at"]),
        ("segments_agent", "segments", ["agent", "began_at"]),
        ("legs_contact", "legs", ["contact"]),
        ("legs_call_id", "legs", ["call_id"]),
        ("activities_agent", "activities", ["agent", "began_at"]),
        ("activities_contact", "activities", ["contact"]),
        ("decisions_contact", "decisions", ["contact"]),
        ("decisions_agent", "decisions", ["agent", "decided_at"]),
    ):
        op.create_index(name, table, columns)
    goes_on = sa.text("ended_at IS NULL")
    for table in ("contacts", "segments", "legs", "activities"):
        name = f"{table}_going_on"
        op.create_index(name, table, ["id"], sqlite_where=goes_on, postgresql_where=goes_on)
