# The commands of this project. Nothing but Python and make has to be there: each sets up what it needs in .venv, once.

PYTHON ?= python3
VENV ?= .venv
IMAGES ?=
ARGS ?=
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Without those that have to be told what to work on, and those that write lists for the tests.
BENCHMARKS = $(filter-out %/compress.py %/learn_by_heart.py %_names.py, \
    $(shell grep -l '__name__ == "__main__"' benchmarks/*.py benchmarks/parity/*.py))
SKIPPED = 77

.PHONY: help demo test check format bench venv constraints clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo     find body, face and hands on a photograph; IMAGES="a.jpg b.jpg" for pictures of your own too'
	@echo 'make test     run the tests; ARGS="-m \"not network\"" or any other arguments of pytest'
	@echo 'make check    ruff, pyright and the import layers'
	@echo 'make format   let ruff mend what it can'
	@echo 'make bench    run every benchmark; what needs something that is not there says so and is skipped'
	@echo 'make venv     set up $(VENV) for development; PYTHON=python3.12 for another Python'
	@echo 'make clean    remove what the others made'

demo: $(VENV)/demo.stamp
	@$(BIN)/python scripts/demo.py $(IMAGES)

test: venv
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 $(ARGS)

check: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: venv
	@for script in $(BENCHMARKS); do \
	    echo "== $$script"; $(BIN)/python $$script || [ $$? -eq $(SKIPPED) ] || exit 1; \
	done

venv: $(VENV)/dev.stamp

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Pinpoint needs Python 3.11 or newer, try: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@echo 'Installing Pinpoint into $(VENV): once, a minute or two'
	@$(PIP) --editable . scikit-image
	@touch $@

$(VENV)/dev.stamp: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@echo 'Installing Pinpoint and its tools into $(VENV): once, a minute or two'
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/demo.stamp $@

constraints:
	rm -rf build/newest
	$(PYTHON) -m venv build/newest
	sed '/^$$/q' constraints.txt > build/pinned.txt
	build/newest/bin/python -m pip install --quiet --constraint build/pinned.txt --editable '.[dev]'
	{ cat build/pinned.txt; build/newest/bin/python -m pip freeze --exclude-editable --exclude torch; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/newest

clean:
	rm -rf $(VENV) build dist demo-output .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
