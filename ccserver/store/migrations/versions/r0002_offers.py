"""Offers: each time an agent's phone rang for a contact.

They are in the journal since it began, so all of it is folded again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_FOLDED = ("contacts", "segments", "legs", "activities", "decisions")


def upgrade() -> None:
    op.create_table(
        "offers",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("queue", sa.Text),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("leg", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("delay_seconds", sa.Double, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("result", sa.Text),
    )
    op.create_index("offers_contact", "offers", ["contact"])
    op.create_index("offers_agent", "offers", ["agent", "began_at"])
    goes_on = sa.text("ended_at IS NULL")
    op.create_index(
        "offers_going_on", "offers", ["id"], sqlite_where=goes_on, postgresql_where=goes_on
    )
    for name in _FOLDED:
        op.execute(sa.table(name).delete())
    op.execute(sa.table("position", sa.column("seq"), sa.column("at")).update().values(seq=0, at=0))
