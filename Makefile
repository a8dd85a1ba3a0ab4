# Each target does all the set-up that it needs; a second run starts in seconds.
.PHONY: run test bench recipes pictures pins schema

# The viewer on the built-in study.
run:
	@packaging/setup.sh run
	@packaging/run.sh

# ruff, mypy, import-linter, and the tests under a virtual screen.
test:
	@packaging/setup.sh dev
	@packaging/check.sh

# The figures of the README: all of them, or those named: make bench ONLY="reading scrolling".
bench:
	@packaging/setup.sh dev
	@packaging/bench.sh $(ONLY)

# Trains every recipe of a published system on generated data, or those named, on patients of one seed or several:
# make recipes ONLY="liver-tumour-mr" SEEDS="0 1".
recipes:
	@packaging/setup.sh dev
	@packaging/recipes.sh $(ONLY) --seeds $(or $(SEEDS),0)

# The pictures of README.md and docs/tools.md, drawn by the program itself.
pictures:
	@packaging/setup.sh dev
	@packaging/pictures.sh

# Rewrites packaging/constraints.txt from what is installed in .venv.
pins:
	@.venv/bin/python packaging/pins.py

# Rewrites resources/models/card.schema.json from the tables of what a card can say.
schema:
	@packaging/setup.sh run
	@.venv/bin/python packaging/schema.py
