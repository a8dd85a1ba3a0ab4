"""Training seen from outside: what a run and a check are, and the process that does them. Imports no torch."""
