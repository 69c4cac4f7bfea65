# What the commands need and don't find, they name in one line.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?=
DEMO ?=
BENCH ?=

.PHONY: help demo test slow check bench lock clean \
    test-packages slow-packages bench-packages
.DELETE_ON_ERROR:

help:
	@echo "make demo    a server, a device end and a charging site, on this machine only"
	@echo "make test    every test (TESTS=tests.tunnel: some of them)"
	@echo "make slow    what takes too long for every change (TESTS=tests.slow.…: some)"
	@echo "make check   style, types, rules of the architecture, links of the documents"
	@echo "make bench   side by side with nginx and SniTun, on this machine only"
	@echo "make lock    pin the newest libraries that setup.cfg allows"
	@echo "make clean   remove what the others made"

demo: $(VENV)/runtime
	@$(BIN)/cfos-cloud demo $(DEMO)

test: $(VENV)/development $(VENV)/sslyze/made test-packages
	@$(BIN)/python -m tests.run $(TESTS)

slow: $(VENV)/development test-packages slow-packages
	@$(BIN)/python -m tests.run $(or $(TESTS),tests.slow)

check: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m twisted.trial --temp-directory=_trial_temp_check \
	    tests.test_architecture tests.test_documents

bench: $(VENV)/runtime $(VENV)/peers bench-packages
	@$(BIN)/python -m benchmarks.run $(BENCH)

lock: $(VENV)/development
	CUSTOM_COMPILE_COMMAND="make lock" $(PIP_COMPILE) \
	    --output-file=requirements.lock pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(PIP_COMPILE) --extra=test --extra=dev \
	    --constraint=requirements.lock --output-file=requirements-dev.lock pyproject.toml
	echo 'sslyze>=6.3' | CUSTOM_COMPILE_COMMAND="make lock" $(PIP_COMPILE) \
	    --output-file=requirements-sslyze.lock -
	CUSTOM_COMPILE_COMMAND="make lock" $(PIP_COMPILE) --extra=bench \
	    --constraint=requirements.lock --output-file=requirements-bench.lock \
	    pyproject.toml

# Compiled by the oldest Python that we support: newer ones need no more.
# No index, no directory, no host of the machine that ran it.
PIP_COMPILE = $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe \
    --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
    --build-deps-for=editable

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* test-output \
	    .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

test-packages:
	@scripts/debian-packages test

slow-packages:
	@scripts/debian-packages slow

bench-packages:
	@scripts/debian-packages bench

$(VENV)/made:
	@scripts/make-venv $(PYTHON) $(VENV)
	@touch $@

# Everything by hash, the build backend too; then only this checkout.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_SELF = $(INSTALL) --no-deps --no-build-isolation --editable .

$(VENV)/runtime: $(VENV)/made requirements.lock setup.cfg setup.py
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL_SELF)
	@touch $@

$(VENV)/development: $(VENV)/made requirements-dev.lock setup.cfg setup.py
	$(INSTALL) --require-hashes --requirement requirements-dev.lock
	$(INSTALL_SELF)
	@touch $@ $(VENV)/runtime

$(VENV)/sslyze/made: $(VENV)/made requirements-sslyze.lock
	@scripts/make-sslyze $(VENV) requirements-sslyze.lock

# What is only measured beside us. Where it can't be had, a benchmark goes without.
$(VENV)/peers: requirements-bench.lock $(VENV)/runtime
	@$(INSTALL) --require-hashes --requirement requirements-bench.lock && touch $@ || \
	    echo "requirements-bench.lock can't be installed: some peers are left out" >&2
