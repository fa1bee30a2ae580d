"""Raises while it is imported."""

raise RuntimeError("the other half of this plugin is missing")
