# Thin recipes: each runs a plain `pulumi`, `enkrypt-provider` or `pytest` command after the set-up that it needs.

SHELL := bash

STACK ?= dev
PYTHON ?= python3
STATE := $(CURDIR)/.pulumi-state

# State goes into this clone, not into the account that the user may be logged in to, unless the variable is set.
export PULUMI_BACKEND_URL ?= file://$(STATE)
export PULUMI_SKIP_UPDATE_CHECK ?= true
# The language host runs pip; skip its check for a newer pip.
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
# After `make test` .venv holds other providers' packages; without this the engine would download a plugin for each.
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION ?= true
ifeq ($(STACK),dev)
# The secrets in dev are placeholders and need no passphrase.
export PULUMI_CONFIG_PASSPHRASE ?=
endif

# The variables set above, but not those from the environment, which may be secret.
OURS := $(foreach name,PULUMI_BACKEND_URL PULUMI_SKIP_UPDATE_CHECK PULUMI_CONFIG_PASSPHRASE PIP_DISABLE_PIP_VERSION_CHECK \
	PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION,$(if $(filter file,$(origin $(name))),$(name)))

VENV := export PATH="$(CURDIR)/.venv/bin:$$PATH" &&
# Many tests wait, so 1.5 processes per core keep the cores busy. Long tests run first (tests/conftest.py), and each
# process is sent one test at a time, so that no process ends with a queue of its own.
PYTEST := $(VENV) pytest -n $$(($(shell getconf _NPROCESSORS_ONLN) * 3 / 2)) --dist load --maxschedchunk 1
ENGINE := engine=$$(.venv/bin/python engine/get.py) && export PATH="$(CURDIR)/.venv/bin:$$engine:$$PATH" &&
ON_STACK := $(ENGINE) mkdir -p '$(STATE)' && pulumi stack select --create $(STACK) >/dev/null &&
PRINT_PATH := printf 'export PATH=%q:"$$PATH"\n' "$(CURDIR)/.venv/bin:$$engine"

.PHONY: help up preview refresh destroy list doctor env shell lint test faults bench scaling docs generate lock plugin clean

help:  ## Shows this help; STACK=staging selects another stack than dev, with PULUMI_CONFIG_PASSPHRASE set
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/ready  ## Registers what the stack declares
	@$(ON_STACK) pulumi up --yes

preview: .venv/ready  ## Shows what `up` would do
	@$(ON_STACK) pulumi preview --diff

refresh: .venv/ready  ## Updates the state from what is really registered
	@$(ON_STACK) pulumi refresh --yes --diff

destroy: .venv/ready  ## Deletes the registrations of the stack
	@$(ON_STACK) pulumi destroy --yes

list: .venv/ready  ## Lists the registrations of the stack's account
	@$(ON_STACK) enkrypt-provider list --stack $(STACK)

doctor: .venv/ready  ## Checks the set-up and suggests fixes
	@$(ON_STACK) enkrypt-provider doctor --stack $(STACK)

shell: .venv/ready  ## Opens a shell in which `pulumi` and `enkrypt-provider` work on the stack
	@$(ON_STACK) echo "pulumi, enkrypt-provider and python are this project's; type exit to leave." && case "$$SHELL" in \
	*/bash) exec bash --rcfile <(echo '[ ! -f ~/.bashrc ] || . ~/.bashrc'; $(PRINT_PATH)) -i ;; *) exec "$$SHELL" -i ;; esac

env: .venv/ready  ## Prints that set-up for the current shell: eval "$(make env)"
	@$(ON_STACK) for name in $(OURS); do printf 'export %s=%q\n' $$name "$${!name}"; done && $(PRINT_PATH)

lint: .venv/dev-ready  ## Runs ruff and mypy
	@$(VENV) ruff check . && ruff format --check . && mypy

test: .venv/dev-ready  ## Runs every test (COVERAGE=1: at least 95 %); as root on Debian, installs Chromium and PostgreSQL if missing
	@sh tests/tools.sh || true  # a missing tool fails the tests that need it
	@.venv/bin/python engine/get.py >/dev/null
	@# Coverage is slow and does not measure the engine's processes, so the long tests run without it.
	@$(if $(COVERAGE),$(PYTEST) -m 'not e2e and not faults' --cov --cov-report=term:skip-covered --cov-fail-under=95)
	@$(PYTEST) $(if $(COVERAGE),-m 'e2e or faults' tests/e2e tests/faults)

faults: .venv/dev-ready  ## Runs all fault tests: nothing may be lost, duplicated or leaked (SEED=0)
	@.venv/bin/python engine/get.py >/dev/null
	@export FAULTS=all FAULTS_SEED=$(or $(SEED),0) && $(PYTEST) -v tests/faults

generate: .venv/dev-ready  ## Generates arguments, outputs, schemas and the reference from enkrypt_provider/kinds/
	@$(VENV) python -m tools.generate && python -m tools.package_schema && \
		python -m tools.package_reference && python -m docs.generate

docs: .venv/dev-ready  ## Builds the site from docs/ into site/; warnings are errors
	@$(VENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict

bench: .venv/bench-ready  ## Benchmarks it against the alternatives (15 minutes; PLAN=short or limits)
	@$(VENV) PYTHONPATH='$(CURDIR)' python benchmarks/run.py --plan $(or $(PLAN),full)

scaling: .venv/bench-ready  ## Benchmarks what a team with many models can do (10 minutes)
	@$(VENV) PYTHONPATH='$(CURDIR)' python benchmarks/run.py --plan scaling

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet pyproject.toml --universal --python-version 3.10 \
	--generate-hashes --no-annotate --group build --extra emulator --extra cli
lock:  ## Pins the dependencies in pyproject.toml by hash; needs uv (UPGRADE=--upgrade for newer versions)
	@$(COMPILE) $(UPGRADE) -o requirements.txt
	@$(COMPILE) $(UPGRADE) --group dev --group docs --extra testing --extra examples --no-emit-package enkrypt-provider \
		--constraint requirements.txt -o requirements-dev.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --group plugin --universal --python-version 3.10 \
		--generate-hashes --no-annotate --constraint requirements.txt $(UPGRADE) -o requirements-plugin.txt

plugin: .venv/plugin-ready  ## Builds dist/pulumi-resource-enkrypt-….tar.gz, the native plugin for machines without Python
	@$(VENV) python tools/plugin_archive.py dist

clean:  ## Removes the environment and caches, but not the state
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

# ---- .venv, created by uv if it is on PATH, otherwise by pip, which shows each package as it arrives.

SHOW := awk '/^Collecting/ {printf "\r\033[K  %d: %s", ++n, $$2} /^Installing/ {printf "\r\033[K  %d packages", n} \
	{fflush()} END {print ""}'
PIP := .venv/bin/python -m pip install --no-deps --no-compile --progress-bar off
UV := uv pip install --python .venv/bin/python
INSTALL = if command -v uv >/dev/null; then $(UV) --require-hashes -r $<; \
	else set -o pipefail; $(PIP) --require-hashes -r $< | $(SHOW); fi >&2

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is required: make PYTHON=python3.x …")'
	@echo "Setting up .venv from $< …" >&2
	@test -x .venv/bin/python || { command -v uv >/dev/null && uv venv --quiet --python $(PYTHON) .venv; } || \
		$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }  # Debian's fails halfway without python3-venv
	@$(INSTALL)
	@if command -v uv >/dev/null; then $(UV) --quiet --no-deps --no-build-isolation -e .; else $(PIP) --quiet --no-build-isolation -e .; fi
	@touch $@

.venv/dev-ready: requirements-dev.txt .venv/ready
	@echo "Adding $< to .venv …" >&2
	@$(INSTALL)
	@touch $@

.venv/plugin-ready: requirements-plugin.txt .venv/ready
	@$(INSTALL)
	@touch $@

.venv/bench-ready: benchmarks/requirements.txt .venv/dev-ready
	@.venv/bin/python -m pip install --quiet -r $<
	@touch $@
