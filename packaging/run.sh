#!/bin/bash
# Opens the viewer on the built-in study.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
    echo "planimeter: everything is installed, but there is no screen here: set DISPLAY, or run: xvfb-run -a make run" >&2
    exit 1
fi
exec .venv/bin/planimeter demo
