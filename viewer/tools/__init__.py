"""Editing tools: view events in, polygons out. No Qt."""
