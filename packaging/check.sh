#!/bin/bash
# The checks and the tests; ends with pytest's closing line. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
# Two threads of a small network only wait for each other.
export PATH="$PWD/.venv/bin:$PATH" QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1
ruff check
ruff format --check
mypy
lint-imports
# A worker a core, each with a virtual screen of its own (tests/conftest.py); all tests of a file in one worker.
exec pytest --numprocesses "${PLANIMETER_TEST_WORKERS:-2}" --dist loadfile "$@"
