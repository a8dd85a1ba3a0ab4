#!/bin/bash
# Draws the pictures of README.md and docs/tools.md, with the program itself, under a virtual screen.
set -euo pipefail
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1
.venv/bin/python packaging/card_figures.py
exec xvfb-run -a -s '-screen 0 1600x1200x24 -nolisten tcp' .venv/bin/python packaging/pictures.py "$@"
