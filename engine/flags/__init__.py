"""What is anatomically unlikely of structures, by geometry alone: a file a kind of flag, and a line in the table."""
