# The one door.  `make help` says what is behind it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The interpreter of the virtual environment; empty: Debian's, else the first that will do.
PYTHON ?=
BIN := .venv/bin
CONFIG ?= config/ccserver.toml
SET ?=
OWN ?=
SIM ?= --seeds 0:300
SCENARIO ?= loadtest/scenarios/first.toml
OUT ?= var/load
BENCH ?=

.PHONY: help setup run demo load test sim peers check fmt bench docs changelog clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## the virtual environment with all that is needed
	@:

.venv/made:
	@python=$$(.ci/install-python $(PYTHON)); "$$python" -m venv .venv
	@touch $@

.venv/ready: .venv/made requirements.lock pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

run: setup ## the demonstration centre (CONFIG=file, SET="key=value ...")
	@exec $(BIN)/ccserver run --config $(CONFIG) $(foreach change,$(SET),--set '$(change)')

demo: setup ## the demonstration centre with simulated phones and callers (OWN=1001: yours)
	@exec $(BIN)/ccserver demo --config $(CONFIG) $(foreach change,$(SET),--set '$(change)') \
	  $(foreach agent,$(OWN),--own '$(agent)')

load: setup ## callers and agents for the server that runs (SCENARIO=file, SET="key=value ...")
	@exec $(BIN)/ccserver-load run $(SCENARIO) --out $(OUT) $(foreach change,$(SET),--set '$(change)')

test: setup ## everything that must hold, with real peers (ARGS="tests/sip -x": a part)
	@$(MAKE) --jobs 2 --output-sync peers check
	@$(BIN)/python -m tests $(ARGS)

peers: ## the programs that the tests talk to (Debian packages)
	@.ci/install-peers

check: setup ## ruff, mypy and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: setup ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

sim: setup ## days of a simulated centre (SIM="--seed 7", "--soak 24"): docs/simulation.md
	@$(BIN)/python -m tests.sim $(SIM)

bench: setup peers ## all that has a goal, measured: docs/benchmarks.md (BENCH="--short")
	@$(BIN)/python -m loadtest.bench $(BENCH)

docs: setup ## make the pages that are made from the code
	@$(BIN)/ccserver config-reference --write docs/configuration.md
	@for script in docs/make-*.py; do [ ! -e "$$script" ] || $(BIN)/python "$$script"; done

changelog: setup ## CHANGELOG.md from the fragments in changes/ (VERSION=...)
	@$(BIN)/towncrier build --yes --version $(VERSION)

clean: ## away with what was made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
