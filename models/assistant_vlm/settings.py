"""How to choose tokens."""

from dataclasses import dataclass

from assistant_vlm.errors import SettingsError


@dataclass(frozen=True)
class GenerationSettings:
    """How to choose tokens.

    Attributes:
        max_tokens: Longest answer, in tokens; at least 1.
        temperature: 0 takes the likeliest token; above, scores are divided by it before sampling.
        top_p: Sample among the likeliest tokens that together reach this probability, in (0, 1].
        seed: Seed of the sampling; the same seed gives the same answer.
        stops: The answer ends before the first of these texts.
        beams: Answers followed side by side, at least 1; more than 1 searches for a likely whole answer, not by chance.
        length_power: An answer's score in that search is its log-probability over its tokens to this power; 0 favours
            short answers.

    Raises:
        SettingsError: A value is out of its range.
    """

    max_tokens: int = 48
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stops: tuple[str, ...] = ()
    beams: int = 1
    length_power: float = 1.0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise SettingsError(f"expected max_tokens of at least 1, got {self.max_tokens}")
        if not self.temperature >= 0:
            raise SettingsError(f"expected a temperature of at least 0, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"expected top_p in (0, 1], got {self.top_p}")
        if "" in self.stops:
            raise SettingsError("expected stops of at least one character, got an empty one")
        if self.beams < 1:
            raise SettingsError(f"expected beams of at least 1, got {self.beams}")
        if self.beams > 1 and self.temperature > 0:
            raise SettingsError(f"expected a temperature of 0 with beams above 1, got {self.temperature}")
        if not self.length_power >= 0:
            raise SettingsError(f"expected a length_power of at least 0, got {self.length_power}")
