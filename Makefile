# Needs Python >= 3.11, make and a package index; everything else is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SDKS   := .venv-sdk
READERS := .venv-readers
PEERS  := .venv-peers
DECIDES := $(patsubst %,tests/test_%.py,adopt budget checks_scores checks_declared codec diff estimate estimate_results graph guards inside kinds plan operation planfile properties_plan redact results_declared results_once secrets steps trust_properties uses values)
FAST   := $(DECIDES) $(wildcard tests/test_load*.py) $(patsubst %,tests/test_%.py,announced contract docs http reports schemas state tooling)

# In CI the versions are those that were tried; elsewhere the newest that pyproject.toml allows.
PIP    := -m pip install --quiet --disable-pip-version-check $(if $(CI),-c constraints.txt)

.PHONY: help demo test fast lint fmt coverage test-long sdks readers fuzz bench bench-counts bench-record bench-peers bench-simulated schemas docs docs-site package browser constraints clean

help:                          ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1  /p' Makefile | awk -F '  ' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo            ## plan, apply, drift, repair, destroy, vectors in a file: offline, against the emulator
	@RECONCILER=$(abspath $(BIN))/reconciler sh examples/quickstart/demo.sh

test: $(VENV)/.dev             ## ruff, mypy, import-linter, schemas, docs and the whole suite
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not long'

fast: $(VENV)/.dev             ## the tests that take a minute together: what decides, what is loaded, what is shown
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not slow and not long' $(FAST)

lint: $(VENV)/.dev             ## ruff, import-linter and mypy, without a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m mypy

fmt: $(VENV)/.dev              ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: $(VENV)/.dev         ## how much of what decides is run by the tests of it, with a floor
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not slow and not long' --cov --cov-report=term-missing:skip-covered $(DECIDES)

test-long: $(VENV)/.dev        ## what takes minutes: every point at which a run can be killed, and the like
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long

sdks: $(SDKS)/.tried           ## the vendor's clients from 2024 on, for tests/test_tours.py; what cannot be had is left out

readers: $(READERS)/.tried     ## linters and readers of others, for tests/test_readers.py; what cannot be had is left out

fuzz: $(VENV)/.dev             ## the fuzzers of tests/fuzz, FUZZ_RUNS times as long as in the suite
	FUZZ_RUNS=$${FUZZ_RUNS:-150} $(BIN)/python -m pytest -q -p no:cacheprovider tests/fuzz

bench: $(VENV)/.dev            ## what plans and applies cost, as ratios and counts: the tables of docs/performance.md, anew
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.applying

bench-counts: $(VENV)/.dev     ## requests, rows, calls and modules against what they were: a fifth more or less fails
	$(BIN)/python -m tests.benchmarks.counts

bench-record: $(VENV)/.dev     ## record those counts as what they are to be from now on
	$(BIN)/python -m tests.benchmarks.counts --record

bench-peers: $(VENV)/.dev $(PEERS)/.installed  ## plans of ours and of octoDNS, of as many objects as records, in turn
	$(BIN)/python -m tests.benchmarks.peers $(PEERS)/bin/python

bench-simulated: $(VENV)/.dev ## plans of as many as a million objects, of an account that is worked out, and by a clock that leaps; takes an hour
	$(BIN)/python -m tests.benchmarks.simulated
	$(BIN)/python -m tests.benchmarks.differing
	$(BIN)/python -m tests.benchmarks.virtual

schemas: $(VENV)/.dev          ## write schemas/ anew from the kinds
	$(BIN)/python -m reconciler schema --write schemas

docs: $(VENV)/.dev             ## write docs/reference and the tables of README and CONTRIBUTING anew
	$(BIN)/python docs/fields.py
	$(BIN)/python docs/reference.py

docs-site: $(VENV)/.docs       ## build the documentation as a site in build/docs; warnings and dead links fail
	$(BIN)/python docs/site.py

package: $(VENV)/.release      ## build wheel and sdist into dist, look at both, and run the wheel from nowhere
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . > /dev/null
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/uvx --from dist/*.whl reconciler --version

# A Chromium that is there is taken; Debian's is installed where that is allowed. Without either its tests are skipped.
browser: build/browser/.tried  ## Chromium and axe-core, for tests/test_browser.py; what cannot be had is left out
build/browser/.tried:
	@mkdir -p build/browser
	@command -v chromium > /dev/null || command -v google-chrome > /dev/null || { \
	  [ "$$(id -u)" = 0 ] && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium fonts-dejavu-core; \
	} > build/browser/log 2>&1 || echo "no Chromium"
	@npm install --silent --no-audit --no-fund --prefix build/browser puppeteer-core@24.43.1 axe-core@4.14.1 || echo "no axe-core"
	@touch $@

constraints: $(VENV)/.dev      ## write constraints.txt anew: the versions that are installed here
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check > constraints.txt

clean:                         ## remove what was made
	rm -rf $(VENV) $(SDKS) $(READERS) $(PEERS) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python $(PIP) -e '.[emulator,parquet]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python $(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml
	$(BIN)/python $(PIP) -e '.[docs]'
	@touch $@

$(VENV)/.release: $(VENV)/bin/python pyproject.toml
	$(BIN)/python $(PIP) -e '.[release]'
	@touch $@

$(PEERS)/.installed:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check octodns
	@touch $@

# Each version has an environment of its own. A registry that lacks one, or no node, is no error: its tour is skipped.
$(SDKS)/.tried:
	@for version in 0.4.11 1.0.2 1.2.9 1.3.6; do \
	  $(PYTHON) -m venv $(SDKS)/$$version && \
	  $(SDKS)/$$version/bin/python -m pip install --quiet --disable-pip-version-check twelvelabs==$$version || \
	  { echo "no SDK $$version"; rm -rf $(SDKS)/$$version; }; \
	done
	@npm install --silent --no-audit --no-fund --prefix $(SDKS)/js twelvelabs-js || echo "no SDK for JavaScript"
	@touch $@

# All at once; else one at a time, so that one which a registry lacks does not take the rest with it.
$(READERS)/.tried: .ci/readers/requirements.txt .ci/readers/npm.txt
	@$(PYTHON) -m venv $(READERS)
	@pip="$(READERS)/bin/python -m pip install --quiet --disable-pip-version-check"; \
	$$pip -r .ci/readers/requirements.txt || for one in $$(grep -v '^#' .ci/readers/requirements.txt); do \
	  $$pip $$one || echo "no $$one"; \
	done
	@npm="npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(READERS)/js"; \
	$$npm $$(cat .ci/readers/npm.txt) || for one in $$(cat .ci/readers/npm.txt); do $$npm $$one || echo "no $$one"; done
	@touch $@
