# Everything a fresh machine needs is Python 3.11 and PyPI; each target installs what it uses into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow check bench browser release-check clean

demo: $(VENV)/.built  ## build the sample corpus with the embedded models
	$(BIN)/ipm-prefdial build --out demo-release --force --show 3

test: $(VENV)/.tested  ## the default tests
	$(BIN)/python -m pytest -n 2

test-slow: $(VENV)/.tested  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.tested  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# A type checker needs the one package that the folders install as: setuptools builds it, as for the wheel.
	rm -rf build/lib
	$(BIN)/python setup.py --quiet build_py --build-lib build/lib
	$(BIN)/mypy

browser:  ## chromium and its driver, for the tests of pages; without them these tests skip
	.ci/browser

bench: $(VENV)/.tested  ## the benchmarks, side by side; nothing is asserted
	$(BIN)/python tests/benchmarks/run_all.py

# The newest spec against the one before it, over the sample: what a reviewer of a new release wants to see.
release-check: $(VENV)/.built  ## build, validate, verify, audit and compare the newest release
	rm -rf release-check && mkdir release-check
	@set -e; versions=$$($(BIN)/ipm-prefdial releases --json | $(BIN)/python -c \
	  "import json, sys; print(*list(json.load(sys.stdin))[-2:])"); \
	for version in $$versions; do $(BIN)/ipm-prefdial build --release $$version --out release-check/$$version; done; \
	newest=release-check/$${versions##* }; \
	$(BIN)/ipm-prefdial validate $$newest; $(BIN)/ipm-prefdial verify $$newest; \
	$(BIN)/ipm-prefdial audit $$newest || [ $$? = 1 ]; \
	$(BIN)/ipm-prefdial diff release-check/$${versions%% *} $$newest > release-check/diff.txt; cat release-check/diff.txt

clean:
	rm -rf $(VENV) build dist *.egg-info demo-release demo-release.partial release-check

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.built: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

# torch by its exact version first: a range would pull the CUDA build.
$(VENV)/.tested: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) -e ".[dev,train,evaluate,serve]"
	touch $@ $(VENV)/.built
