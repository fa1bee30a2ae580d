# Each line of work is one command, used by people and by CI alike. The first one installs; later ones start at once.

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: run test browser lint types docs bench wheel train clean

run: $(VENV)/.installed
	@$(BIN)/assistant serve

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m assistant.ui.languages.lint

types: $(VENV)/.installed-dev
	$(BIN)/pyright

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/build_site.py
	@echo "The site is in build/site. Its search needs a server: $(BIN)/python -m http.server --directory build/site"

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/answer.py
	$(BIN)/python -m benchmarks.product

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --no-isolation

train: $(VENV)/.installed-dev
	PYTHONPATH=models $(BIN)/python -m training.train $(RECIPE) --data $(DATA) --resume

# The browser tests need Chromium. Where it is missing and Debian's packages can be installed, that is done here; elsewhere
# those tests are skipped, and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else echo "Chromium is missing: the browser tests will be skipped (sudo apt-get install chromium)."; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Glassbox needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "A virtual environment could not be made. On Debian: sudo apt-get install python3-venv"; exit 2; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing Glassbox into $(VENV) (torch is large; a few minutes the first time) ..."
	@$(PIP) -e ".[ocr,heic]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing Glassbox and what its tests need into $(VENV) (a few minutes the first time) ..."
	@$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	@$(PIP) -e ".[dev,docs]"
	@touch $@ $(VENV)/.installed-dev $(VENV)/.installed

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
