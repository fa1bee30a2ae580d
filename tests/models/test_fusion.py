"""Question and patches look at each other where a setting says so, and nowhere else."""

import dataclasses

import pytest
import torch
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.network import Network
from assistant_vlm.rotary import Turn, rotary_table
from training.batches import Batch
from training.learner import Learner, fused_memory, questions_of

from .conftest import TINY
from .recipes import RECIPE
from .test_decoder import CLOSE, made


def fused(question_to_patches: bool, patches_to_question: bool, layers: int = 2) -> ModelConfig:
    return dataclasses.replace(
        TINY,
        fusion_layers=layers,
        question_to_patches=question_to_patches,
        patches_to_question=patches_to_question,
    )


DIRECTIONS = {"both": fused(True, True), "question looks": fused(True, False), "patches look": fused(False, True)}
every_direction = pytest.mark.parametrize("config", DIRECTIONS.values(), ids=DIRECTIONS.keys())


def looked(network: Network, patches: Tensor, question: Tensor, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
    assert network.fusion is not None
    return network.fusion(patches, question, torch.ones(question.shape[:2], dtype=torch.bool) if real is None else real)


@every_direction
def test_each_side_depends_on_the_other_only_where_its_direction_is_on(config: ModelConfig) -> None:
    """By the gradients of each side's result in the other side's start."""
    network = made(config)
    patches, question = torch.randn(1, 17, 32, requires_grad=True), torch.randn(1, 5, 32, requires_grad=True)
    new_patches, new_question = looked(network, patches, question)
    (by_question,) = torch.autograd.grad(new_patches.square().sum(), question, retain_graph=True, allow_unused=True)
    (by_patches,) = torch.autograd.grad(new_question.square().sum(), patches, allow_unused=True)
    for on, gradient in ((config.patches_to_question, by_question), (config.question_to_patches, by_patches)):
        assert (gradient is not None and float(gradient.abs().max()) > 1e-6) == on


@torch.no_grad()
def test_a_direction_that_is_off_changes_nothing_through_it() -> None:
    torch.manual_seed(1)
    patches, question = torch.randn(1, 17, 32), torch.randn(1, 5, 32)
    one_way = made(DIRECTIONS["question looks"])
    assert torch.equal(looked(one_way, patches, question)[0], patches)
    other_way = made(DIRECTIONS["patches look"])
    again = looked(other_way, patches + torch.randn_like(patches), question)[1]
    assert torch.equal(looked(other_way, patches, question)[1], again)
    assert other_way.memory(patches, torch.tensor([[9, 8]]), torch.ones(1, 2, dtype=torch.bool))[1] is None


@torch.no_grad()
def test_both_sides_look_at_what_the_other_was_before() -> None:
    """One block, written out from its parts."""
    network = made(fused(True, True, layers=1))
    assert network.fusion is not None
    assert network.fusion.norm is not None
    block = network.fusion.blocks[0]
    patches, question = torch.randn(1, 17, 32), torch.randn(1, 5, 32)
    turn = rotary_table(torch.arange(5)[None], 8, 1e4)

    def look(part: torch.nn.Module, stream: Tensor, keys: Tensor, turned: Turn | None = None) -> Tensor:
        attention = part.attention
        k, v = attention.keys_values(keys, turned)
        return attention.look(attention.queries(part.norm(stream), turned), k, v)

    def think(part: torch.nn.Module, stream: Tensor) -> Tensor:
        return part.mlp(part.norm(stream))

    asked = question + look(block.self_look, question, block.self_look.norm(question), turn)
    new = asked + look(block.question_look, asked, block.question_look.other_norm(patches))
    new = new + think(block.question_think, new)
    seen = patches + look(block.patches_look, patches, block.patches_look.other_norm(asked))
    seen = seen + think(block.patches_think, seen)
    found = looked(network, patches, question)
    torch.testing.assert_close(found[0], seen, **CLOSE)
    torch.testing.assert_close(found[1], network.fusion.norm(new), **CLOSE)


@torch.no_grad()
def test_without_fusion_the_memory_is_the_patches() -> None:
    patches = torch.randn(1, 17, 32)
    seen, question = made(TINY).memory(patches, torch.tensor([[9, 8]]), torch.ones(1, 2, dtype=torch.bool))
    assert seen is patches
    assert question is None


@torch.no_grad()
@every_direction
def test_padding_of_a_question_changes_nothing(config: ModelConfig) -> None:
    network = made(config)
    patches, tokens = torch.randn(2, 17, 32), torch.randint(7, TINY.vocab, (2, 6))
    real = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    together = network.memory(patches, tokens, real)
    alone = network.memory(patches[:1], tokens[:1, :4], real[:1, :4])
    torch.testing.assert_close(together[0][:1], alone[0], **CLOSE)
    if together[1] is not None and alone[1] is not None:
        torch.testing.assert_close(together[1][:1, :4], alone[1], **CLOSE)


@every_direction
@pytest.mark.parametrize("layers", [1, 2])
def test_every_weight_learns(config: ModelConfig, layers: int) -> None:
    """No part of the fusion is there for nothing."""
    network = made(dataclasses.replace(config, fusion_layers=layers))
    patches, question = network.memory(
        network.encoder(torch.rand(1, 3, 32, 32)), torch.tensor([[9, 8, 7]]), torch.ones(1, 3, dtype=torch.bool)
    )
    memory = patches if question is None else torch.cat((patches, question), dim=1)
    hidden = network.decoder(torch.tensor([[9, 8]]), network.decoder.cross_memory(memory))
    network.decoder.logits(hidden).square().sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or float(p.grad.abs().max()) == 0]
    assert silent == []


def packed_rows() -> Batch:
    """Two pictures: the first with a conversation of two turns and one of one turn, the second with one turn."""
    torch.manual_seed(4)
    length = 22
    rows = [[(0, 0, 4, 2), (0, 1, 3, 2), (1, 2, 5, 3)], [(0, 0, 3, 1)]]
    tokens = torch.zeros(2, length, dtype=torch.long)
    positions, targets = torch.zeros_like(tokens), torch.zeros_like(tokens)
    segments, turns = torch.full_like(tokens, -1), torch.full_like(tokens, -1)
    asks = torch.zeros(2, length, dtype=torch.bool)
    for row, listed in enumerate(rows):
        at, before, place = 0, -1, 0
        for segment, turn, question, answer in listed:
            mark = int(segment != before)
            place = 0 if mark else place
            count = mark + question + answer
            tokens[row, at : at + count] = torch.randint(7, TINY.vocab, (count,))
            positions[row, at : at + count] = torch.arange(place, place + count)
            segments[row, at : at + count], turns[row, at : at + count] = segment, turn
            asks[row, at + mark : at + mark + question] = True
            targets[row, at + mark + question - 1 : at + count - 1] = 9
            at, before, place = at + count, segment, place + count
    nothing = torch.full((2,), -1)
    patch_targets = torch.full((2, 16, 3), -1)
    seen = torch.ones(2, 1, 1)
    return Batch(
        torch.rand(2, 3, 32, 32), tokens, positions, segments, turns, asks, targets, seen, nothing, patch_targets, 4
    )


def one_conversation(batch: Batch, row: int, segment: int) -> Batch:
    """The same conversation alone in a row, without padding."""
    inside = batch.segments[row] == segment
    first = int(batch.turns[row][inside].min())
    fields = {
        name: getattr(batch, name)[row][inside][None] for name in ("tokens", "positions", "segments", "asks", "targets")
    }
    return dataclasses.replace(
        batch,
        pixels=batch.pixels[row : row + 1],
        turns=batch.turns[row][inside][None] - first,
        seen=batch.seen[row : row + 1],
        labels=batch.labels[:1],
        patch_targets=batch.patch_targets[:1],
        **fields,
    )


@torch.no_grad()
@pytest.mark.parametrize("config", [TINY, *DIRECTIONS.values()], ids=["no fusion", *DIRECTIONS])
def test_packed_conversations_are_what_each_is_alone(config: ModelConfig) -> None:
    network, batch = made(config), packed_rows()

    def hidden(rows: Batch) -> Tensor:
        memory, looks = fused_memory(network, network.encoder(rows.pixels), rows)
        same = rows.segments[:, :, None] == rows.segments[:, None, :]
        allowed = same.tril()[:, None]
        return network.decoder(rows.tokens, memory, positions=rows.positions, allowed=allowed, looks=looks)

    together = hidden(batch)
    for row, segment in ((0, 0), (0, 1), (1, 0)):
        inside = batch.segments[row] == segment
        alone = hidden(one_conversation(batch, row, segment))
        torch.testing.assert_close(together[row][inside], alone[0], **CLOSE)


@torch.no_grad()
def test_a_turn_sees_its_own_question_and_not_another_one() -> None:
    network, batch = made(DIRECTIONS["both"]), packed_rows()
    encoded = network.encoder(batch.pixels)
    memory, looks = fused_memory(network, encoded, batch)
    assert looks is not None
    question, real = questions_of(batch, 3)
    assert question.shape == (6, 5)
    assert real.sum(1).tolist() == [4, 3, 5, 3, 1, 1]
    keys = memory[0][0].shape[2]
    assert keys == 3 * (17 + 5)
    patches_of, tokens_of = torch.arange(3).repeat_interleave(17), torch.arange(3).repeat_interleave(5)
    shown = torch.cat((patches_of, tokens_of)).expand(22, keys)
    for token, turn in enumerate(batch.turns[0].tolist()):
        if turn >= 0:
            assert set(shown[token][looks[0, 0, token]].tolist()) == {turn}


def test_the_learner_learns_with_fusion() -> None:
    torch.manual_seed(0)
    learner = Learner(dataclasses.replace(RECIPE, model=DIRECTIONS["both"]), 0)
    losses = learner(packed_rows())
    losses.total.backward()
    assert losses.answers is not None
    assert all(p.grad is not None for p in learner.network.fusion.parameters())  # type: ignore[union-attr]
