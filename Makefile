# Thin targets: each makes .venv when it is absent or when the build inputs changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILD_INPUTS := pyproject.toml constraints.txt CMakeLists.txt $(shell find cpp -name '*.cpp' -o -name '*.hpp')

.PHONY: help demo test test-all lint format bench docs wheel native clean

help:
	@echo "make demo    install into .venv and run the main job"
	@echo "make test    run the tests (test-all: the slow ones too)"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make docs    build the documentation, warnings are errors"
	@echo "make bench   run the benchmarks"
	@echo "make wheel   build a wheel and prove it in a clean environment"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(BIN)/python $(BUILD_INPUTS)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/signwise demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

wheel: $(VENV)/.dev
	rm -rf dist
	SIGNWISE_REQUIRE_NATIVE=1 $(BIN)/python -m build --quiet --wheel
	$(PYTHON) tools/check_wheel.py dist/*.whl

# A quick rebuild of the extension into the source tree, for work on the kernels.
NATIVE_PYTHON ?= $(BIN)/python
native:
	@mkdir -p build
	cmake -S . -B build/native -G Ninja -DPython_EXECUTABLE=$$($(NATIVE_PYTHON) -c 'import sys; print(sys.executable)') -DCMAKE_MAKE_PROGRAM=$$($(NATIVE_PYTHON) -c 'import ninja; print(ninja.BIN_DIR)')/ninja > build/native.log
	cmake --build build/native
	cp build/native/_core*.so src/signwise/_native/

clean:
	rm -rf build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
