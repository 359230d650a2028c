# What people type. Each target sets up what it needs, says what it does, and may be run again.
.PHONY: demo test test-grafana lint bench mutants chaos hostile hostile-desk screenshots model encoders setup worker gpu clean

PYTHON := .venv/bin/python
ARGS ?=

demo:            ## the whole system on this machine: a squall becomes a page (ARGS=--once ends after it)
	@deploy/setup.sh demo
	@.venv/bin/newsquall demo $(ARGS)

test: setup lint ## everything that must hold: style, types, imports, unit and integration tests
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# Of a service account with the role Admin; what is made there is removed again.
GRAFANA_URL ?=
GRAFANA_TOKEN ?=
test-grafana: setup ## the push against a Grafana of yours (GRAFANA_URL=http://HOST:3000 GRAFANA_TOKEN=glsa_...)
	@GRAFANA_URL="$(GRAFANA_URL)" GRAFANA_TOKEN="$(GRAFANA_TOKEN)" $(PYTHON) -m pytest tests/grafana -k real $(ARGS)

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --diff --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup     ## speed on this machine, beside the plain pipeline
	@.venv/bin/newsquall bench scorer $(ARGS)

mutants: setup   ## every rule changed in every small way: a rule test must notice each (minutes)
	@.venv/bin/newsquall rules test --mutate $(ARGS)

N ?= 100
chaos: setup     ## what goes wrong in production, N times: real servers, seeded faults, all books audited (a minute each)
	@$(PYTHON) -m tests.chaos.run --seeds $(N) $(ARGS)

hostile: N = 100000
hostile: setup   ## N records that break readers of news, through a real worker: each accounted for
	@$(PYTHON) -m tests.hostile.run --records $(N) $(ARGS)

hostile-desk: N = 10000
hostile-desk: setup ## N hostile requests to a running desk, by everybody, and Chromium at what they stored
	@$(PYTHON) -m tests.hostile.desk --requests $(N) $(ARGS)

screenshots: setup ## the README's pictures anew, from the running demo
	@$(PYTHON) -m tests.screenshots

# The public sets are not part of the project; without them the model learns from training/corpus alone.
DATA ?= ../shared/data
SETS := $(wildcard $(addprefix $(DATA)/,tweets_sentiment_train.csv tweets_topic_train.csv \
	headlines_entity_sentiment_train.csv))

TRAIN = .venv/bin/newsquall train $(addprefix --labels ,$(sort $(wildcard training/corpus/*.csv)) $(SETS)) --withhold-texts

model: encoders  ## the bundled model anew: two larger teachers, then the model that they teach (2 hours on 2 cores)
	@$(TRAIN) --base .stack/encoders/bge-small-en-v1.5 --epochs 3 --learning-rate 1e-4 --seed 1 --out runs/teacher-bge
	@$(TRAIN) --base .stack/encoders/e5-small-v2 --epochs 3 --learning-rate 1e-4 --seed 2 --out runs/teacher-e5
	@$(TRAIN) --teacher runs/teacher-bge --teacher runs/teacher-e5 --out model/bundled $(ARGS)

encoders: setup  ## encoders that are larger than the bundled one, and a Chinese one, for --base (220 MB)
	@deploy/encoders.sh

setup:           ## the development environment and the servers that tests start
	@deploy/setup.sh test

worker:          ## the plain install: no torch, no transformers
	@deploy/setup.sh worker

gpu:             ## onnxruntime-gpu in place of onnxruntime
	@deploy/setup.sh gpu

clean:           ## what make made here; not the system's packages
	rm -rf .venv .stack .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
