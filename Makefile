# `make run` and `make test` need Python 3.11+ and make, nothing else: no AWS, no Docker.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
# What `make run` needs; `make test` adds the development tools.
SYNC := $(BIN)/uv sync --frozen --quiet --active --extra local
export VIRTUAL_ENV := $(CURDIR)/.venv
export SAM_CLI_TELEMETRY := 0

DATA ?=
ITEMS ?=

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/run.stamp: uv.lock pyproject.toml | $(BIN)/uv
	@echo "setting up .venv from uv.lock"
	@$(SYNC) --inexact
	@touch $@

.venv/dev.stamp: uv.lock pyproject.toml | $(BIN)/uv
	@echo "setting up .venv with development tools from uv.lock"
	@$(SYNC) --inexact --all-groups
	@touch $@ .venv/run.stamp

.PHONY: setup
setup: .venv/run.stamp ## set up .venv with the command automlops and the emulator

.PHONY: dev
dev: .venv/dev.stamp ## set up .venv with the development tools as well

.PHONY: run
run: setup ## train, create models and score three items, here, end to end (DATA=file.csv ITEMS="France,Germany")
	@$(BIN)/automlops quickstart $(if $(DATA),--data "$(DATA)") $(if $(ITEMS),--items "$(ITEMS)")

.PHONY: test
test: dev ## run all tests that need neither Docker nor AWS
	@$(BIN)/python -m pytest

.PHONY: lint
lint: dev ## ruff, mypy, cfn-lint, sam validate
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/sam validate --lint --region us-east-1

.PHONY: build
build: dev ## sam build: the Lambda package, for Lambda's Python whatever Python is here
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build

.PHONY: docs
docs: dev ## write the parts of the documents that are made from code
	@$(BIN)/python docs/generate.py

.PHONY: lock
lock: $(BIN)/uv ## bring uv.lock and both requirements.txt up to pyproject.toml
	@$(BIN)/uv lock
	@# jmespath comes with boto3, which Lambda's runtime has.
	@{ echo "# From uv.lock: make lock"; echo "--only-binary :all:"; \
	  $(BIN)/uv export --frozen --quiet --only-group functions --no-emit-package jmespath --no-hashes --no-header; } > functions/requirements.txt
	@{ echo "# From uv.lock: make lock"; \
	  $(BIN)/uv export --frozen --quiet --only-group container --no-hashes --no-header; } > container/requirements.txt

.PHONY: clean
clean: ## remove .venv, build output and caches
	@rm -rf .venv .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
