"""The store: the journal folded into tables, for those who ask with SQL.  docs/store.md.

A process of its own reads the journal's file and writes a database; no call waits for either.
"""
