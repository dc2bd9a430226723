# One wish, one command. `make demo` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# More than cores: a test often waits for a kernel, a browser or the other side. A file stays with one worker, since its
# tests share what it set up; the long ones come first.
WORKERS := -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo story lab test quick worlds check bench chromium images lock clean
help:
	@echo "make demo   the whole job on a demo tenant, headless, with reports"
	@echo "make story  the retirement of text messages from end to end, on a demo tenant of its own"
	@echo "make lab    JupyterLab on the notebooks, connected to a demo tenant"
	@echo "make test   all tests"
	@echo "make quick  the tests that start no kernel and no browser, while writing"
	@echo "make worlds SEEDS=1-500   simulated worlds, judged by the tenant's own history; one alone: SEEDS=17"
	@echo "make check  lint, format, types, clean notebooks"
	@echo "make bench  measure, side by side (an hour and three quarters; one alone: .venv/bin/python -m bench.reads)"
	@echo "make chromium  the browser of the browser tests, when it is missing (Debian, Ubuntu)"
	@echo "make images    docs/images from the browser tests"
	@echo "make lock   renew requirements.lock from pyproject.toml"

setup: $(READY)
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "authops needs Python 3.11 to 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@echo "Setting up .venv, once; one to three minutes in all."
	@echo "  1 of 3  a Python of its own …"
	@$(PYTHON) -m venv .venv
	@echo "  2 of 3  fetching about 150 packages, each checked by its hash; this is most of the time …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "  3 of 3  authops itself …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: setup
	$(BIN)/authops demo
story: setup
	$(BIN)/authops run story
lab: setup
	$(BIN)/authops lab
test: setup
	$(BIN)/python -m pytest $(WORKERS)
quick: setup
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"
worlds: setup
	$(BIN)/python -m tests.worlds $(or $(SEEDS),1-500) --shrink
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pip check
	$(BIN)/nbstripout --verify --keep-id --extra-keys "metadata.papermill cell.metadata.papermill" notebooks/*.ipynb
bench: setup
	for name in start planning fuzz reads writes limits storm serving memory audit retirement grid chaos passes cleanup month; do echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; done
chromium:
	@command -v $${CHROMIUM:-chromium} >/dev/null || { \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); export DEBIAN_FRONTEND=noninteractive; \
	  $$SUDO apt-get update --quiet --quiet && $$SUDO apt-get install --quiet --quiet --yes --no-install-recommends chromium; }
images: setup chromium
	AUTHOPS_IMAGES=$(CURDIR)/docs/images CI=1 $(BIN)/python -m pytest -n 0 tests/browser
lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --no-strip-extras \
	  --custom-compile-command "make lock" --extra dev -o requirements.lock pyproject.toml
clean:
	rm -rf .venv
