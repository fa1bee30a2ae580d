"""Who sits at this computer: the name that the audit log gets."""

from __future__ import annotations

import getpass


def user_name() -> str:
    """The name of the user who runs the program; ``unknown`` where the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user on this machine
        return "unknown"
