# The two commands are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := uv==0.13.8

# What computes in torch and vLLM. torch's CPU build is on no index but its own; a folder
# pip knows of comes first.
TORCH := torch==2.13.0+cpu
TORCH_INDEX := https://download.pytorch.org/whl/cpu
CHAT_READY := $(VENV)/.chat
LOCKED := --quiet --python-version 3.11 pyproject.toml clients/python/pyproject.toml \
  --extra cpu --extra bench --extra dev --no-emit-package seom --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"

# Weights beside the checkout are used before the network is.
MIRROR := $(realpath ../shared/data/models)
export SEOM_MIRROR ?= $(MIRROR)
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */|/' | column -ts'|'

$(READY): requirements.lock pyproject.toml clients/python/pyproject.toml
	@echo "Setting up $(VENV) (about 850 MB; half a minute on a near index)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@# Compiled once here: a cluster starts a dozen Python processes at the same time.
	@$(BIN)/uv pip install --quiet --compile-bytecode --no-deps --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e clients/python -e .
	@touch $@

$(CHAT_READY): $(READY) requirements-chat.lock serving/runtimes/torchvision_schemas.py
	@echo "Adding torch and vLLM (about 3 GB; two minutes on a near index)"
	@$(BIN)/python -m pip install --quiet --no-deps $(TORCH) 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --no-deps --index-url $(TORCH_INDEX) $(TORCH)
	@$(BIN)/uv pip install --quiet --compile-bytecode --no-deps --python $(BIN)/python \
	  -r requirements-chat.lock
	@$(BIN)/python serving/runtimes/torchvision_schemas.py
	@touch $@

.PHONY: setup
setup: $(READY)  ## the environment in .venv, from locked versions

.PHONY: setup-chat
setup-chat: $(CHAT_READY)  ## the same with torch and vLLM, for language models

.PHONY: lock
lock: $(READY)  ## resolve the versions anew into requirements*.lock
	echo -e "$(TORCH)\ntorchvision==0.28.0" | $(BIN)/uv pip compile $(LOCKED) \
	  --extra chat --extra train --override - --find-links "$${PIP_FIND_LINKS:-$(TORCH_INDEX)}" \
	  --no-emit-package torch --no-emit-package torchaudio --no-emit-package torchcodec -o requirements-chat.lock
	$(BIN)/uv pip compile $(LOCKED) --constraint requirements-chat.lock -o requirements.lock

.PHONY: protos
protos: $(READY)  ## generate the SDK's protocol code from protos/
	$(BIN)/python protos/generate.py

.PHONY: check
check: $(CHAT_READY)  ## lint, types, import rules, freshness of generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python protos/generate.py --check

.PHONY: format
format: $(READY)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: unit
unit: $(CHAT_READY)  ## the tests that need neither Ray nor real weights
	@# A worker for each core: threads beside them would wait for each other.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal tests/unit

.PHONY: test
test: $(CHAT_READY)  ## all tests; they start clusters of their own
	@# The longest first.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal --durations 10 \
	  tests/accuracy tests/contract tests/unit
	@# Tests that start no cluster leave each other alone: two at a time.
	$(BIN)/pytest -n 2 --dist loadgroup --durations 25 -m "not cluster" tests/integration
	@# Clusters one at a time: two of them starve each other of two cores.
	$(BIN)/pytest --durations 25 -m cluster tests/integration tests/conformance

.PHONY: demo
demo: $(CHAT_READY)  ## the story of a photograph (PHOTO=…, PEOPLE=…), told by models on a cluster of your own
	$(BIN)/python -m serving.demo $(PHOTO) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(PROFILE),--profile $(PROFILE))

.PHONY: models
models: $(CHAT_READY)  ## train the reference models, or some (MODELS="detector faces"); hours
	$(BIN)/python -m model_repo.island train $(MODELS)

.PHONY: eval
eval: $(CHAT_READY)  ## recompute the reference models' figures from their weights
	$(BIN)/python -m model_repo.island eval $(MODELS)

.PHONY: bench
bench: $(READY)  ## measure the path against its baselines
	$(BIN)/seom-bench path
