"""Edits of structures as undoable steps, without a tool: operations, planes and lists."""
