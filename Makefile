# Thin recipes: each is a plain `pulumi` or `pytest` command after the set-up that it needs.

STACK ?= dev
PYTHON ?= python3
STATE := $(CURDIR)/.pulumi-state

# Its own state folder, never the account that the user may be logged in to, unless told otherwise.
export PULUMI_BACKEND_URL ?= file://$(STATE)
export PULUMI_SKIP_UPDATE_CHECK ?= true
# The engine's host asks pip for its packages: no need for pip to look for a newer self.
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
# .venv holds packages of other providers, for examples: the engine would get their plugins, which no stack here uses.
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION ?= true
ifeq ($(STACK),dev)
# Nothing in dev is worth a passphrase: its secrets stand for keys.
export PULUMI_CONFIG_PASSPHRASE ?=
endif

RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
PULUMI = engine=$$(.venv/bin/python engine/get.py) && PATH="$(CURDIR)/.venv/bin:$$engine:$$PATH" pulumi --stack $(STACK)

.PHONY: up preview refresh destroy lint test faults generate bench scaling clean

up: stack  ## Registers what the stack declares
	@$(PULUMI) up --yes

preview: stack  ## Shows what `up` would do
	@$(PULUMI) preview --diff

refresh: stack  ## Reads what is really registered
	@$(PULUMI) refresh --yes --diff

destroy: stack  ## Deletes what the stack registered
	@$(PULUMI) destroy --yes

lint: .venv/ready  ## ruff and mypy
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

test: .venv/ready  ## Every test, the real engine's included
	@sh tests/tools.sh || true  # what is missing fails its own tests
	@.venv/bin/python engine/get.py >/dev/null
	@$(RUN) pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=95

faults: .venv/ready  ## The promise that nothing is lost, doubled or leaked, put to the test at length (SEED=0)
	@.venv/bin/python engine/get.py >/dev/null
	@$(RUN) FAULTS=all FAULTS_SEED=$(or $(SEED),0) pytest -n 2 --dist worksteal -v tests/faults

generate: .venv/ready  ## Writes what follows from enkrypt_provider/kinds/: arguments, outputs, tables of docs/
	@.venv/bin/python tools/generate.py
	@.venv/bin/python docs/generate.py

bench: .venv/bench-ready  ## Times it beside what people would use instead (PLAN=full or short)
	@$(RUN) PYTHONPATH=$(CURDIR) python benchmarks/run.py --plan $(or $(PLAN),full)

scaling: .venv/bench-ready  ## Times what a team with many models can do
	@$(RUN) PYTHONPATH=$(CURDIR) python benchmarks/scaling.py

.PHONY: stack
stack: .venv/ready
	@mkdir -p $(STATE)
	@engine=$$(.venv/bin/python engine/get.py) && PATH="$(CURDIR)/.venv/bin:$$engine:$$PATH" \
		pulumi stack select --create $(STACK) >/dev/null

.venv/ready: requirements.txt
	@echo "Setting up .venv from requirements.txt …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed: make PYTHON=python3.x …")'
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

.venv/bench-ready: .venv/ready benchmarks/requirements.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	@touch $@

clean:  ## Removes the environment and caches, not the state
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
