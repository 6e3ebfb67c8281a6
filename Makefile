# Two commands need nothing else: `make demo` and `make test`. Both install what is missing first.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: demo test check fix install clean

demo: $(STAMP)
	$(VENV)/bin/alphadial frontier tiny --split test --samples 4
	$(VENV)/bin/alphadial run tiny --split test --attempts 5 --out runs/demo
	$(VENV)/bin/alphadial report runs/demo

test: $(STAMP)
	$(PY) -m pytest -q -n 2 --dist worksteal

check: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -q tests/test_layout.py

fix: $(STAMP)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt scripts/install.sh
	@bash scripts/install.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
