# Every target does its own set-up: it finds or installs uv, makes the environment from uv.lock, fetches Kafka's jars.
.DEFAULT_GOAL := help
SHELL := /bin/bash
STATE := .state
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= hardlink
UV := $(shell command -v uv 2>/dev/null || echo $(STATE)/uv/bin/uv)
RUN := $(UV) run --frozen --all-packages --all-extras
PROJECTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml infra/*/pyproject.toml tools/*/pyproject.toml)

.PHONY: help setup check demo up samples down fuzz test faults register-faults bench docs lint format clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STATE)/uv/bin/uv:
	@echo "installing uv into $(STATE)/uv"
	@python3 -m venv $(STATE)/uv
	@$(STATE)/uv/bin/pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

$(STATE)/synced: $(PROJECTS) | $(if $(findstring $(STATE),$(UV)),$(STATE)/uv/bin/uv)
	@mkdir -p $(STATE)
	@echo "installing the locked Python packages"
	@$(UV) sync --frozen --all-packages --all-extras --quiet
	@touch $@

$(STATE)/fetched: $(STATE)/synced $(wildcard infra/local/src/wanderamt_local/*_jars/jgo.lock.toml)
	@echo "fetching Kafka and the PDF/A validator (65 MB, once)"
	@$(RUN) wanderamt local fetch
	@touch $@

$(STATE)/compiled: $(STATE)/synced $(wildcard services/scheduling/src/scheduling/solver/*.py services/scheduling/src/scheduling/solver/*/*.py)
	@echo "compiling the planner (half a minute, once)"
	@$(RUN) python -m scheduling.solver.precompile
	@touch $@

APP := apps/field
$(STATE)/field-app: $(STATE)/synced $(shell find $(APP) -type f -not -path '*/node_modules/*' -not -path '*/tests/*') $(wildcard libs/service-catalogue/src/service_catalogue/*.json libs/service-catalogue/src/service_catalogue/facts/*.json)
	@echo "building the crew's app (half a minute, once)"
	@$(RUN) wanderamt local field-app
	@touch $@

$(STATE)/browser: | $(STATE)/synced
	@command -v chromium || command -v chromium-browser || command -v google-chrome || \
		(echo "installing Chromium for the tests of pages (apt, once)" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null) || \
		(echo "no Chromium, and apt may not install it: install chromium and run again" && exit 1)
	@touch $@

setup: $(STATE)/fetched $(STATE)/compiled $(STATE)/field-app ## Install everything this project needs (other targets run it when needed)

check: $(STATE)/synced ## Check what this machine has and lacks, and how to get it
	@$(RUN) wanderamt local check

demo: $(STATE)/fetched ## Play a recorded morning through all services (KILL=registry-bridge kills one with -9)
	@$(RUN) wanderamt local demo $(if $(KILL),--kill $(KILL))

up: $(STATE)/fetched $(STATE)/field-app ## Start the whole system, print its URLs, keep it running
	@exec .venv/bin/wanderamt local up

samples: $(STATE)/fetched ## Run Kafka and PostgreSQL with a sample case every two seconds, for the services in examples/ (SERVICES="my-service")
	@exec .venv/bin/wanderamt local samples $(or $(SERVICES),case-counter letter-printer)

down: $(STATE)/synced ## Stop what 'make up' started
	@$(RUN) wanderamt local down

fuzz: $(STATE)/fetched ## Send 2,000 hostile requests to every route of the running system (half an hour; ARGS="--requests 200")
	@$(RUN) wanderamt-fuzz run $(ARGS)

test: $(STATE)/fetched $(STATE)/browser $(STATE)/compiled $(STATE)/field-app ## Run all tests on real Kafka, PostgreSQL and a real browser, two files at a time (ARGS="-k name")
	@$(RUN) pytest $(or $(ARGS),-n 2 --dist loadfile --no-loadscope-reorder)

faults: $(STATE)/fetched ## Break the running system from three seeds and audit it (40 minutes; SEEDS="1 2 3")
	@$(RUN) wanderamt-faults run $(foreach seed,$(or $(SEEDS),1 2 3),--seed $(seed)) $(ARGS)

register-faults: $(STATE)/fetched ## Play 1,000 cases with kills and late answers, compare registers and papers, then break its rules (20 minutes; ARGS="--runs 30 --seed 7")
	@$(RUN) wanderamt-faults registers $(ARGS)
	@ALL_MUTANTS=1 $(RUN) pytest -q tools/faults/tests/test_register_runs.py -k broken_rule

bench: $(STATE)/fetched $(STATE)/compiled ## Measure the backbone beside a bare version, write build/bench.json (ARGS="--scene relay")
	@$(RUN) wanderamt-bench run $(ARGS)

docs: $(STATE)/synced ## Generate from the models: schema snapshots, docs/events.md, docs/asyncapi, docs/openapi
	@$(RUN) wanderamt local docs

lint: $(STATE)/synced ## Check style, types and import rules
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) wanderamt local field-app --script check

format: $(STATE)/synced ## Correct the style
	@$(RUN) ruff check --fix --quiet . ; $(RUN) ruff format .

clean: ## Delete state, builds and caches; data outside this folder stays
	rm -rf $(STATE) build .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
