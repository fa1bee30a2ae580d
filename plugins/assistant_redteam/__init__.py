"""The red team: refused requests said differently, what gets through, and a drafted revision of the packs.

The command ``assistant redteam`` is in `assistant_redteam.cli`. It talks to the rules through `Runtime.check` and to
the packs through `assistant.packs.PackKeeper`, so it knows no other plugin.
"""

from __future__ import annotations

from assistant_redteam.attack import Attack, Attempt, attack
from assistant_redteam.mutation import Mutant, Mutator, mutate
from assistant_redteam.seeds import Seed

__all__ = ["Attack", "Attempt", "Mutant", "Mutator", "Seed", "attack", "mutate"]
