"""docs/scenario.md, from the model of scenarios.

python docs/make-scenario-reference.py
"""

from __future__ import annotations

from pathlib import Path

from loadtest.scenario.reference import markdown

Path(__file__).with_name("scenario.md").write_text(markdown(), encoding="utf-8")
