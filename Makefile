# Needs Python >= 3.11, make and a package index; everything else is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SDKS   := .venv-sdk

.PHONY: demo test test-long sdks fuzz bench schemas docs clean

demo: $(VENV)/.demo            ## plan, apply, drift, repair, destroy: offline, against the emulator
	@RECONCILER=$(abspath $(BIN))/reconciler sh examples/quickstart/demo.sh

test: $(VENV)/.dev             ## ruff, mypy, import-linter, schemas, docs and the whole suite
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not long'

test-long: $(VENV)/.dev        ## what takes minutes: every point at which a run can be killed, and the like
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long

sdks: $(SDKS)/.tried           ## the vendor's clients from 2024 on, for tests/test_tours.py; what cannot be had is left out

fuzz: $(VENV)/.dev             ## the fuzzers of tests/fuzz, FUZZ_RUNS times as long as in the suite
	FUZZ_RUNS=$${FUZZ_RUNS:-150} $(BIN)/python -m pytest -q -p no:cacheprovider tests/fuzz

bench: $(VENV)/.dev            ## counts and ratios: requests, rows, CPU per resource
	$(BIN)/python -m tests.benchmarks

schemas: $(VENV)/.dev          ## write schemas/ anew from the kinds
	$(BIN)/python -m reconciler schema --write schemas

docs: $(VENV)/.dev             ## write the tables of README anew from the kinds
	$(BIN)/python docs/fields.py

clean:
	rm -rf $(VENV) $(SDKS) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[emulator]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo

# Each version has an environment of its own. A registry that lacks one, or no node, is no error: its tour is skipped.
$(SDKS)/.tried:
	@for version in 0.4.11 1.0.2 1.2.9 1.3.6; do \
	  $(PYTHON) -m venv $(SDKS)/$$version && \
	  $(SDKS)/$$version/bin/python -m pip install --quiet --disable-pip-version-check twelvelabs==$$version || \
	  { echo "no SDK $$version"; rm -rf $(SDKS)/$$version; }; \
	done
	@npm install --silent --no-audit --no-fund --prefix $(SDKS)/js twelvelabs-js || echo "no SDK for JavaScript"
	@touch $@
