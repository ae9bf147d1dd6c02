# The two commands are `make demo` (talk to an agent) and `make test`; each one sets up what it needs first.
# `make demo ARGS="--caller hello.wav"` hands arguments to the demo; `PYTHON=python3.12 make ...` picks the Python.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check bench fuzz docs fmt footprint clean

BIN := .venv/bin
ARGS ?=
TARGET ?= all
SECONDS := 60
# Two workers: a CI machine has two cores, and a file's tests stay together so that module fixtures are made once.
PYTEST_ARGS ?= -n 2 --dist loadfile

help: ## what one can say here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed-demo ## set up once, then talk to an agent in the browser (or ARGS="--caller FILE.wav")
	@$(BIN)/roomkit demo $(ARGS)

test: .venv/.installed-dev ## every test, warnings are errors
	@tools/browser.sh
	@tools/postgresql.sh
	@$(BIN)/python -m pytest -W error $(PYTEST_ARGS) $(ARGS)

check: .venv/.installed-dev ## lint, format, types, layers, budgets: what must be clean before a commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/budgets.py

bench: .venv/.installed-dev ## speed and memory against the machine's floor, as one table
	@$(BIN)/python -m bench $(ARGS)

# Not in `test`: its extra is installed here alone, for few need it and it is a compiled fuzzer of 35 MB.
fuzz: .venv/.installed-fuzz ## look for input that breaks us: SECONDS=60 a target, TARGET=gemini or all
	@$(BIN)/python -m fuzz $(TARGET) --seconds $(SECONDS)

docs: .venv/.installed-dev ## the docs site, into site/; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --clean
	@echo "site/index.html"

fmt: .venv/.installed-dev ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

footprint: .venv/.installed-dev ## what a plain `pip install` of this package weighs
	@$(BIN)/python tools/footprint.py

clean: ## remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/.installed-fuzz: .venv/.installed-dev
	@$(BIN)/python -m pip install -q -e '.[fuzz]'
	@touch $@

.venv/.installed-%: pyproject.toml tools/setup.sh
	@tools/setup.sh $*
