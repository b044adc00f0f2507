# The two commands that matter are `make demo` and `make test`; docs/ and README.md say what they do.
# Everything else is installed when a target needs it: system packages by tests/lab/packages.txt,
# Python packages by .requirements.lock into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
FIRMWARE ?=
MACHINES ?= 1
KEEP     ?=
ONLY     ?=
RUNS     ?=

.PHONY: setup check test demo bench docs lint format lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   bare machines from power-on to their own system, in a lab on this machine (root)"
	@echo "make test   everything, with real virtual machines (root)"
	@echo "make bench  the disk engine beside its peers (root); ONLY=restore,capture for some of it"
	@echo "make docs   the references in docs/user/reference, from the code"
	@echo "make check  format, lint, types, contracts, unit tests"
	@echo "make setup  install what the other targets need"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml .requirements.lock tests/lab/packages.txt tests/lab/setup.sh
	PYTHON=$(PYTHON) tests/lab/setup.sh
	touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit

test: check
	$(BIN)/pytest tests/wire tests/storage tests/faults tests/e2e

demo: setup
	$(BIN)/python -m tests.lab.demo --firmware "$(FIRMWARE)" --machines $(MACHINES) $(if $(KEEP),--keep)

bench: setup
	ONLY="$(ONLY)" RUNS="$(RUNS)" $(BIN)/python -m tests.bench

docs: setup
	$(BIN)/python -m docs.generator

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --group dev --no-header --no-emit-index-url --no-emit-find-links --no-annotate -o .requirements.lock pyproject.toml

clean:
	rm -rf build
