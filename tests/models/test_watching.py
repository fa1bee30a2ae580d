"""The attention report finds what the test put there: a head that looks nowhere, and one with a sink."""

import dataclasses

import pytest
import torch

from assistant_vlm.config import ModelConfig
from assistant_vlm.network import Network
from assistant_vlm.sites import site_names
from training.learner import picked
from training.watching import attention_report

from .conftest import TINY
from .test_decoder import SHAPES, made
from .test_fusion import DIRECTIONS, packed_rows


def made_sharp(config: ModelConfig) -> Network:
    """Random heads that look somewhere in particular, but at no fixed place."""
    network = made(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("query.weight"):
                parameter.mul_(3)
    return network


@torch.no_grad()
def test_a_head_that_looks_nowhere_is_dead() -> None:
    network = made_sharp(TINY)
    before = attention_report(network, packed_rows())["decoder.1.cross.pattern"]
    assert 2 not in before["dead"]
    network.decoder.blocks[1].cross_attention.query.weight.view(4, 8, 32)[2] = 0
    after = attention_report(network, packed_rows())["decoder.1.cross.pattern"]
    assert after["dead"] == [*before["dead"], 2]
    assert after["entropy"][2] == 1


@torch.no_grad()
def test_a_head_that_always_looks_at_the_first_token_has_a_sink() -> None:
    """Over conversations that lie at different places of a row: a place is a position in its conversation."""
    config = dataclasses.replace(TINY, norm="rms", text_positions="learned", kv_heads=4)
    network, head = made(config), 1
    assert network.decoder.positions is not None
    network.decoder.embedding.weight[:, 0] = 1.0  # every token says so in dimension 0, the first place in dimension 1
    network.decoder.positions.weight[:, :2] = 0.0
    network.decoder.positions.weight[0, 1] = 1.0
    attention = network.decoder.blocks[0].self_attention
    batch = picked(packed_rows(), [0])
    of_both = torch.zeros(22, dtype=torch.bool)
    of_both[[9, 10, 17, 18]] = True  # two answer tokens of each of the two conversations
    assert bool((batch.targets[0][of_both] > 0).all())
    batch.targets[0][~of_both] = 0
    before = attention_report(network, batch)["decoder.0.self.pattern"]
    attention.query.weight.view(4, 8, 32)[head] = 0
    attention.query.weight.view(4, 8, 32)[head, 0, 0] = 10
    attention.key_value.weight[:32].view(4, 8, 32)[head] = 0
    attention.key_value.weight[:32].view(4, 8, 32)[head, 0, 1] = 10
    after = attention_report(network, batch)["decoder.0.self.pattern"]
    assert head not in before["sinks"]
    assert head in after["sinks"]
    assert after["entropy"][head] < 0.05


@torch.no_grad()
def test_a_head_on_the_class_token_has_a_sink_with_fusion_too() -> None:
    """Each turn has patches of its own then: the class token is one place, not several."""
    config = dataclasses.replace(DIRECTIONS["patches look"], norm="rms", kv_heads=4)
    network = made(config)

    def at_class_token(memory: torch.Tensor) -> torch.Tensor:
        memory[:, :, 0] = 0
        memory[:, 16::17, 0] = 5
        return memory

    network.decoder.embedding.weight[:, 0] = 1.0
    attention = network.decoder.blocks[0].cross_attention
    attention.query.weight.view(4, 8, 32)[3] = 0
    attention.query.weight.view(4, 8, 32)[3, 0, 0] = 10
    attention.key_value.weight[:32].view(4, 8, 32)[3] = 0
    attention.key_value.weight[:32].view(4, 8, 32)[3, 0, 0] = 10
    plain = network.decoder.cross_memory
    network.decoder.cross_memory = lambda memory, sites=None: plain(at_class_token(memory), sites)  # type: ignore[method-assign]
    heads = attention_report(network, packed_rows())["decoder.0.cross.pattern"]
    assert 3 in heads["sinks"]


@pytest.mark.parametrize("config", [*SHAPES.values(), *DIRECTIONS.values()], ids=[*SHAPES, *DIRECTIONS])
def test_every_softmax_attention_is_in_the_report(config: ModelConfig) -> None:
    network = made(config).train()
    report = attention_report(network, packed_rows())
    assert list(report) == [name for name in site_names(config) if name.endswith(".pattern")]
    for heads in report.values():
        assert len(heads["entropy"]) == 4
        assert all(-1e-6 <= e <= 1.001 for e in heads["entropy"])  # float32 logarithms
    assert network.training


def test_the_report_does_not_depend_on_what_lies_beside() -> None:
    """Padding of a row and a row without a picture change nothing."""
    network, batch = made(TINY), packed_rows()
    alone = attention_report(network, picked(batch, [0]))
    seen = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    assert attention_report(network, dataclasses.replace(batch, seen=seen)) == alone
    wider = {
        name: torch.nn.functional.pad(getattr(batch, name), (0, 3), value=fill)
        for name, fill in (
            ("tokens", 0),
            ("positions", 0),
            ("segments", -1),
            ("turns", -1),
            ("asks", False),
            ("targets", 0),
        )
    }
    assert attention_report(network, picked(dataclasses.replace(batch, **wider), [0])) == alone


def test_a_batch_that_asks_nothing_has_no_report() -> None:
    batch = packed_rows()
    assert attention_report(made(TINY), dataclasses.replace(batch, targets=torch.zeros_like(batch.targets))) == {}


def test_some_rows_of_a_batch() -> None:
    batch = packed_rows()
    second = picked(batch, [1])
    assert torch.equal(second.tokens[0], batch.tokens[1])
    assert second.questions == 1
    assert picked(batch, [0]).questions == 3
