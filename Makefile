# What people type. Each target sets up what it needs, says what it does, and may be run again.
.PHONY: demo test lint bench model setup worker gpu clean

PYTHON := .venv/bin/python
ARGS ?=

demo:            ## the whole system on this machine: a squall becomes a page (ARGS=--once ends after it)
	@deploy/setup.sh demo
	@.venv/bin/newsquall demo $(ARGS)

test: setup lint ## everything that must hold: style, types, imports, unit and integration tests
	@$(PYTHON) -m pytest $(ARGS)

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --diff --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup     ## speed on this machine, beside the plain pipeline
	@.venv/bin/newsquall bench scorer $(ARGS)

# The public sets are not part of the project; without them the model learns from training/corpus alone.
DATA ?= ../shared/data
SETS := $(wildcard $(addprefix $(DATA)/,tweets_sentiment_train.csv tweets_topic_train.csv \
	headlines_entity_sentiment_train.csv))

model: setup     ## fine-tune, export and check the bundled model (about 40 minutes on 2 cores)
	@.venv/bin/newsquall train $(addprefix --labels ,$(sort $(wildcard training/corpus/*.csv)) $(SETS)) \
		--withhold-texts --out model/bundled $(ARGS)

setup:           ## the development environment and the servers that tests start
	@deploy/setup.sh test

worker:          ## the plain install: no torch, no transformers
	@deploy/setup.sh worker

gpu:             ## onnxruntime-gpu in place of onnxruntime
	@deploy/setup.sh gpu

clean:           ## what make made here; not the system's packages
	rm -rf .venv .stack .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
