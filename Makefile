# Two commands are enough: `make run` opens the app, `make test` checks everything (`make quick` most of it, in under two
# minutes). They do what they need first, and are quick the second time. PORT=8600 chooses another port, PYTHON=python3.12 another Python,
# MODEL=smollm2-135m fetches a model before the start (the default one needs no fetching),
# INDEX=https://download.pytorch.org/whl/cpu a further package index (PyTorch without CUDA is much smaller).
# CORPUS=novels.txt VALID=others.txt let make bench compare the family with a 5-gram model of what it was trained on.

PORT ?= 8501
MODEL ?=
WORKERS ?= 2
INDEX ?=
CORPUS ?=
VALID ?=
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(INDEX),--extra-index-url $(INDEX))
# Files in the order of their names: left to itself xdist begins with those of most tests, and a long one comes last.
PYTEST := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
	--no-loadscope-reorder
BROWSERS := chromium chromium-browser google-chrome-stable google-chrome microsoft-edge

.PHONY: run test quick unit browser lint bench docs format clean
.DEFAULT_GOAL := run
MAKEFLAGS += --no-print-directory

run: .venv/.runtime
	$(if $(MODEL),$(BIN)/python -m models.fetch $(MODEL))
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

# Whatever fails, everything runs, and the last lines say what failed. pyright keeps one core busy and no more: it runs
# beside the unit tests, and what the linters said is shown behind the tests.
test: .venv/.browser
	@$(MAKE) lint > .venv/lint.txt 2>&1 & lint=$$!; failed=; \
	trap 'kill $$lint 2>/dev/null' EXIT; trap 'exit 130' INT TERM; \
	for half in unit browser; do $(MAKE) $$half || failed="$$failed $$half"; done; \
	wait $$lint || failed="$$failed lint"; cat .venv/lint.txt; \
	if [ -n "$$failed" ]; then echo "make test: failed:$$failed"; exit 1; fi; \
	echo "make test: unit tests, browser tests and linters passed"

# No network, no browser, nothing slow and no types: what to run while writing.
quick: .venv/.develop
	@failed=; { $(BIN)/ruff check . && $(BIN)/ruff format --check .; } || failed=" ruff"; \
	$(PYTEST) -m "not (e2e or slow or real)" || failed="$$failed unit"; \
	if [ -n "$$failed" ]; then echo "make quick: failed:$$failed"; exit 1; fi

unit: .venv/.develop
	$(BIN)/python -m models.fetch --all
	$(PYTEST) -m "not e2e"

browser: .venv/.browser
	$(BIN)/python -m models.fetch --all
	$(PYTEST) -m e2e

lint: .venv/.develop
	@failed=; $(BIN)/ruff check . || failed=" ruff-check"; \
	$(BIN)/ruff format --check . || failed="$$failed ruff-format"; \
	$(BIN)/pyright || failed="$$failed pyright"; \
	if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile || failed="$$failed hadolint"; fi; \
	if [ -n "$$failed" ]; then echo "make lint: failed:$$failed"; exit 1; fi

bench: .venv/.bench
	$(BIN)/python -m models.fetch --all
	$(BIN)/python -m tests.benchmarks $(if $(CORPUS),--corpus $(CORPUS) --valid $(VALID))

# The reference of what `models` exports, as pages in docs/reference.
docs: .venv/.develop
	$(BIN)/python -m pdoc models '!models\.' --output-directory docs/reference

format: .venv/.develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .ruff_cache

# The stamps are written last, so that what was broken off is done again.
.venv/.made:
	@test -n "$(PYTHON)" || { echo "Headlight needs Python 3.11 or newer: install it, or run \
	make PYTHON=/path/to/python3.11" | tr -s '\t ' ' '; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.txt .venv/.made
	@echo "Installing the packages of requirements.txt; the first time this takes some minutes."
	$(PIP) -r requirements.txt
	@touch $@

.venv/.develop: requirements-dev.txt requirements-train.txt .venv/.runtime
	$(PIP) -r requirements-dev.txt
	@touch $@

.venv/.bench: requirements-bench.txt .venv/.develop
	$(PIP) -r requirements-bench.txt
	@touch $@

# A browser that is there already, else Playwright's own, else the distribution's where we may install it.
.venv/.browser: .venv/.develop
	@for name in $(BROWSERS); do command -v $$name >/dev/null 2>&1 && touch $@ && exit 0; done; \
	if [ "$$(id -u)" = 0 ]; then deps=--with-deps; fi; \
	$(BIN)/python -m playwright install $$deps chromium && touch $@ && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium && touch $@ && exit 0; fi; \
	echo "No browser for the tests: install Chromium or Chrome, then run make test again."; exit 1
