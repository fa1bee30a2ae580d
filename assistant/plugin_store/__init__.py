"""Plugins that were installed with ``assistant plugins install``: what they declare, what is locked, how they run."""
