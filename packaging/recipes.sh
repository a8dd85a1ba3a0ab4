#!/bin/bash
# Trains every recipe on generated data and writes docs/recipes.md (tests/recipes/run.py). Arguments choose some by id.
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python -m tests.recipes.run "$@"
