"""What brings a database from one revision of the schema to the next; Alembic runs it."""
