"""The red team: refused requests said differently, what gets through, and a drafted revision of the packs.

The command ``assistant redteam`` is in `assistant_redteam.cli`. It talks to the rules through `Runtime.check` and to
the packs through `assistant.packs.PackKeeper`, so it knows no other plugin. Nothing heavy is imported here: the list of
commands waits for it.
"""
