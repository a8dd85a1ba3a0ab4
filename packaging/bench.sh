#!/bin/bash
# Runs tests/benchmarks/bench_*.py under a virtual screen, each in a process of its own. Arguments choose some by name.
set -euo pipefail
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1
exec xvfb-run -a -s '-screen 0 1600x1200x24 -nolisten tcp' .venv/bin/python tests/benchmarks/run.py "$@"
