"""docs/store-schema.md, from the tables.

python docs/make-store-schema.py
"""

from __future__ import annotations

from pathlib import Path

from ccserver.store.reference import markdown

Path(__file__).with_name("store-schema.md").write_text(markdown(), encoding="utf-8")
