#!/bin/bash
# The checks and the tests; ends with pytest's closing line. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1
ruff check
ruff format --check
mypy
lint-imports
exec xvfb-run -a -s '-screen 0 1600x1200x24 -nolisten tcp' pytest "$@"
