"""The network with what it has in training only: losses, and heads that help it to learn and are not shipped."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from assistant_vlm.attention import Pattern
from assistant_vlm.decoder import CrossMemory
from assistant_vlm.network import Network
from assistant_vlm.sites import Sites
from training.batches import Batch
from training.recipe import Recipe
from training.regularisers import head_likeness, mean_entropy
from training.scenes import COLOURS, SHAPES

_PATCH_NAMES: Final = (len(SHAPES) + 1, len(COLOURS) + 1, 2)
"""What is said about each patch: its shape, its colour, and whether the centre of a thing is in it."""


@dataclass(frozen=True)
class Losses:
    """Losses of one batch, and how it did.

    Attributes:
        total: What to minimise.
        answers: Mean cross-entropy of the answers' tokens, in nats; None where nothing is asked.
        right: Share of answer tokens that are likeliest, given the right ones before; None likewise.
        labelled: Share of pictures whose name is likeliest from the class token; None where none has a name.
    """

    total: Tensor
    answers: Tensor | None
    right: Tensor | None
    labelled: Tensor | None


class Learner(nn.Module):
    """The network and its helping heads.

    Args:
        recipe: Weights of the losses.
        labels: Number of names that a network without a guess learns to tell by a head of the learner's own.
    """

    def __init__(self, recipe: Recipe, labels: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = Network(recipe.model)
        self.patch_names = nn.Linear(recipe.model.dim, sum(_PATCH_NAMES))
        guesses = self.network.name_guess is not None
        self.label_names = None if guesses else nn.Linear(recipe.model.dim, max(1, labels))

    def forward(self, batch: Batch) -> Losses:
        """Losses of a batch.

        Raises:
            ValueError: The batch has nothing to learn from.
        """
        recipe = self.recipe
        seen = self.network.encoder(batch.pixels.contiguous(memory_format=torch.channels_last))
        parts: list[Tensor] = []
        answers = right = labelled = None
        if bool((batch.targets > 0).any()):
            answers, right, wishes = self.answer_losses(
                self.network.with_guess(seen, hints=told(batch, recipe.model.names)), batch
            )
            parts += [answers, *wishes]
        places = batch.patch_targets.shape[1]
        known = batch.patch_targets[..., 0] >= 0
        if recipe.patch_loss > 0 and bool(known.any()):
            parts.append(recipe.patch_loss * self.naming_loss(seen[:, :places][known], batch.patch_targets[known]))
        named = batch.labels >= 0
        if recipe.label_loss > 0 and bool(named.any()):
            whole = seen[named, places:] if recipe.model.class_token else seen[named]
            scores, names = self.label_scores(whole.mean(1)).float(), batch.labels[named]
            parts.append(recipe.label_loss * cross_entropy(scores, names, label_smoothing=recipe.label_smoothing))
            labelled = (scores.argmax(-1) == names).float().mean()
        if not parts:
            raise ValueError("expected answers, covered patches or named pictures in a batch; got none of them")
        return Losses(torch.stack(parts).sum(), answers, right, labelled)

    def label_scores(self, whole: Annotated[Tensor, "batch dim"]) -> Annotated[Tensor, "batch names"]:
        """Scores of all names from the vectors of whole pictures: the network's own guess, or the helping head's."""
        if self.network.name_guess is not None:
            return self.network.name_guess.scores(whole)
        assert self.label_names is not None
        return self.label_names(whole)

    def answer_losses(self, encoded: Tensor, batch: Batch) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Cross-entropy of the answers' tokens, the share of them that is right, and the weighted regularisers."""
        network, recipe = self.network, self.recipe
        memory, looks = fused_memory(network, encoded, batch)
        same = batch.segments[:, :, None] == batch.segments[:, None, :]
        patterns: list[Pattern] = []
        sites = None
        if recipe.entropy_loss or recipe.diversity_loss:
            sites = Sites(recipe.model, edit={"decoder.*.cross.pattern": _collect(patterns)})
        hidden = network.decoder(
            batch.tokens,
            memory,
            positions=batch.positions,
            allowed=same.tril()[:, None],
            looks=looks,
            seen=batch.seen,
            sites=sites,
        )
        learned = batch.targets > 0
        logits, wanted = network.decoder.logits(hidden[learned]).float(), batch.targets[learned]
        wishes: list[Tensor] = []
        if patterns:
            real = learned & (batch.seen[:, :, 0] > 0)
            wishes.append(recipe.entropy_loss * torch.stack([mean_entropy(p, real) for p in patterns]).mean())
            wishes.append(recipe.diversity_loss * torch.stack([head_likeness(p, real) for p in patterns]).mean())
        each = cross_entropy(logits, wanted, reduction="none")
        weights = answer_lengths(batch)[learned].float() ** -recipe.length_power
        return (each * weights).sum() / weights.sum(), (logits.argmax(-1) == wanted).float().mean(), wishes

    def naming_loss(self, patches: Tensor, names: Tensor) -> Tensor:
        """Cross-entropy of shape, colour and centre, over all patches and once more over those that something covers.

        Without the second part most patches are ground, and shapes were learned far later than colours. The centres
        tell one thing from the next, which counting stands on.
        """
        named = self.patch_names(patches).float().split(_PATCH_NAMES, dim=-1)
        covered = names[:, 0] > 0
        loss = named[0].new_zeros(())
        for i, scores in enumerate(named):
            loss = loss + cross_entropy(scores, names[:, i])
            if bool(covered.any()):
                loss = loss + cross_entropy(scores[covered], names[covered][:, i])
        return loss


def answer_lengths(batch: Batch) -> Annotated[Tensor, "batch tokens"]:
    """How many tokens of its own turn are learned, at each position; 0 where none are."""
    turns = batch.turns.clamp_min(0)
    counts = torch.zeros_like(turns).scatter_add_(1, turns, (batch.targets > 0).to(turns.dtype))
    return counts.gather(1, turns) * (batch.turns >= 0)


def _collect(patterns: list[Pattern]):
    def keep(pattern: Pattern) -> Pattern:
        patterns.append(pattern)
        return pattern

    return keep


def told(batch: Batch, names: int) -> Annotated[Tensor, "batch names"] | None:
    """What the batch's hints add to the scores of the guessed names; None where they add nothing."""
    if not names or batch.hints is None:
        return None
    added = batch.hints.new_zeros(len(batch.hints), names)
    return added.scatter_(1, batch.labels.clamp_min(0)[:, None], batch.hints[:, None])


def picked(batch: Batch, rows: list[int]) -> Batch:
    """Some rows of a batch."""
    chosen = {f.name: v[rows] for f in fields(batch) if isinstance(v := getattr(batch, f.name), Tensor)}
    return replace(batch, **chosen, questions=int((chosen["turns"].amax(dim=1) + 1).sum()))


def fused_memory(
    network: Network, encoded: Annotated[Tensor, "batch keys dim"], batch: Batch, sites: Sites | None = None
) -> tuple[CrossMemory, Annotated[Tensor, "batch 1 tokens keys"] | None]:
    """The decoder's memory for packed rows, and which of it each token may look at.

    Without fusion all tokens of a row share its picture. With it, the tokens of a turn see their own question's memory:
    patches as that question changed them, and the question's own fused tokens.
    """
    if network.fusion is None:
        return network.decoder.cross_memory(encoded, sites), None
    config = network.config
    rows, keys = len(encoded), encoded.shape[1]
    turns = int(batch.turns.max()) + 1
    question, real = questions_of(batch, turns)
    patches, fused = network.memory(encoded.repeat_interleave(turns, 0), question, real, sites)
    parts, owners = [encoded], [torch.full((keys,), -1)]
    if config.patches_to_question:
        parts, owners = [patches.view(rows, turns * keys, -1)], [torch.arange(turns).repeat_interleave(keys)]
    hidden = torch.ones(rows, parts[0].shape[1], dtype=torch.bool)
    if fused is not None:
        parts.append(fused.view(rows, -1, fused.shape[-1]))
        owners.append(torch.arange(turns).repeat_interleave(question.shape[1]))
        hidden = torch.cat((hidden.to(real.device), real.view(rows, -1)), dim=1)
    owner = torch.cat(owners).to(encoded.device)
    mine = (owner == -1) | (owner == batch.turns.clamp_min(0)[:, :, None])
    looks = (mine & hidden[:, None].to(mine.device))[:, None]
    return network.decoder.cross_memory(torch.cat(parts, dim=1), sites), looks


def questions_of(
    batch: Batch, turns: int
) -> tuple[Annotated[Tensor, "questions tokens"], Annotated[Tensor, "questions tokens"]]:
    """Token ids of each turn's question, `turns` for each row of the batch, padded; and which are real.

    A row with fewer turns has questions of one padding token.
    """
    rows = len(batch.tokens)
    asked = [
        batch.tokens[row][(batch.turns[row] == turn) & batch.asks[row]] for row in range(rows) for turn in range(turns)
    ]
    longest = max(1, *(len(a) for a in asked))
    question = batch.tokens.new_zeros(rows * turns, longest)
    real = torch.zeros(rows * turns, longest, dtype=torch.bool, device=question.device)
    real[:, 0] = True
    for i, tokens in enumerate(asked):
        question[i, : len(tokens)] = tokens
        real[i, : len(tokens)] = True
    return question, real
