"""Every named activation is there, in its order, can be read and changed, and costs nothing when nobody asks."""

import dataclasses

import pytest
import torch
from torch import Tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import SitesError
from assistant_vlm.network import Network
from assistant_vlm.sites import Scope, Sites, site_names

from .conftest import TINY
from .test_decoder import made

FUSED = dataclasses.replace(TINY, fusion_layers=2, encoder_layers=1, question_to_patches=True)
CONFIGS: dict[str, ModelConfig] = {
    "default": TINY,
    "parallel": dataclasses.replace(TINY, block="parallel"),
    "linear": dataclasses.replace(TINY, patch_attention="linear", class_token=False, norm="rms", mlp="gelu"),
    "guessed name": dataclasses.replace(TINY, names=5, name_tokens=3),
    "guessed name, fused": dataclasses.replace(FUSED, patches_to_question=True, names=5, name_tokens=3),
    "both ways": dataclasses.replace(FUSED, patches_to_question=True),
    "question looks": dataclasses.replace(FUSED, kv_heads=1),
    "patches look": dataclasses.replace(
        FUSED, question_to_patches=False, patches_to_question=True, text_positions="learned"
    ),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def ran(network: Network, sites: Sites | None) -> Tensor:
    """Scores after a whole run: encoder, fusion, memory, decoder."""
    generator = torch.Generator().manual_seed(7)
    pixels = torch.rand(2, 3, 32, 32, generator=generator)
    question = torch.randint(7, TINY.vocab, (2, 4), generator=generator)
    patches, fused = network.memory(network.encode(pixels, sites), question, torch.ones(2, 4, dtype=torch.bool), sites)
    memory = patches if fused is None else torch.cat((patches, fused), dim=1)
    hidden = network.decoder(question, network.decoder.cross_memory(memory, sites), sites=sites)
    return network.decoder.logits(hidden, sites)


def every_name() -> list[object]:
    return [
        pytest.param(config, name, id=f"{label}: {name}")
        for label, config in CONFIGS.items()
        for name in site_names(config)
    ]


@torch.no_grad()
@every_config
def test_a_run_passes_every_site_once_in_the_order_of_their_list(
    config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []
    visit = Sites.visit

    def noted(self: Sites, name: str, value: Tensor) -> Tensor:
        passed.append(name)
        return visit(self, name, value)

    monkeypatch.setattr(Sites, "visit", noted)
    sites = Sites(config, read=["*"])
    ran(made(config), sites)
    assert passed == list(site_names(config))
    assert list(sites.values) == list(site_names(config))
    assert all(bool(sites.only(name).isfinite().all()) or name.endswith(".scores") for name in site_names(config))


@torch.no_grad()
@pytest.mark.parametrize(("config", "name"), every_name())
def test_an_edit_takes_effect_and_nothing_else_changes_the_answer(config: ModelConfig, name: str) -> None:
    network = made(config)
    plain = ran(network, None)
    # float32; the explicit path of a watched pattern sums in another order than the fused kernel
    same = {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(ran(network, Sites(config, read=[name])), plain, **same)
    torch.testing.assert_close(ran(network, Sites(config, edit={name: lambda value: value})), plain, **same)
    generator = torch.Generator().manual_seed(1)

    def disturb(value: Tensor) -> Tensor:
        noise = torch.rand(value.shape, generator=generator) * 2
        return value * noise + (noise if name.endswith("scores") else 0)

    assert float((ran(network, Sites(config, edit={name: disturb})) - plain).abs().max()) > 1e-3


@torch.no_grad()
@every_config
def test_what_is_read_has_the_documented_shape_and_sense(config: ModelConfig) -> None:
    sites = Sites(config, read=["*"])
    logits = ran(made(config), sites)
    assert torch.equal(sites.only("logits"), logits)
    keys = 16 + config.class_token + config.guess_keys
    memory = sites.only("memory")
    assert memory.shape == (2, keys + (4 if config.question_to_patches else 0), 32)
    assert sites.only("decoder.0.cross.pattern").shape == (2, 4, 4, memory.shape[1])
    assert sites.only("decoder.0.self.k").shape == (2, config.kv_heads, 4, 8)
    torch.testing.assert_close(sites.only("decoder.1.resid_pre"), sites.only("decoder.0.resid_post"))
    torch.testing.assert_close(sites.only("decoder.0.resid_pre"), sites.only("decoder.embed"))
    for name in site_names(config):
        if name.endswith(".pattern"):
            pattern = sites.only(name)
            # float32 sums of at most 25 terms
            torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(sites.only(name.replace("pattern", "scores")).softmax(-1), pattern)
    added = sites.only("decoder.0.self.out") + sites.only("decoder.0.cross.out")
    after = added + sites.only("decoder.0.resid_pre") + sites.only("decoder.0.mlp_out")
    # float32 sums of four terms of about 10
    torch.testing.assert_close(after, sites.only("decoder.0.resid_post"), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_an_edited_pattern_decides_what_is_gathered() -> None:
    network = made(TINY)

    def first_key_only(pattern: Tensor) -> Tensor:
        return torch.zeros_like(pattern).index_fill_(-1, torch.tensor([0]), 1.0)

    sites = Sites(TINY, read=["decoder.0.cross.*"], edit={"decoder.0.cross.pattern": first_key_only})
    ran(network, sites)
    values = sites.only("decoder.0.cross.v").repeat_interleave(2, dim=1)
    torch.testing.assert_close(sites.only("decoder.0.cross.z"), values[:, :, :1].expand(-1, -1, 4, -1))


@torch.no_grad()
def test_an_edit_in_place_changes_its_own_site_only() -> None:
    """The residual stream has two names at the seam of two blocks, and cached keys are the cache's own memory."""
    network = made(TINY)

    def erased(value: Tensor) -> Tensor:
        return value.zero_()

    sites = Sites(TINY, read=["decoder.0.resid_post", "decoder.1.resid_pre"], edit={"decoder.1.resid_pre": erased})
    ran(network, sites)
    assert float(sites.only("decoder.1.resid_pre").abs().max()) == 0
    assert float(sites.only("decoder.0.resid_post").abs().max()) > 0


@torch.no_grad()
def test_an_edit_of_cached_keys_is_as_one_of_uncached_ones() -> None:
    from assistant_vlm.cache import Cache

    network, tokens = made(TINY), torch.randint(7, TINY.vocab, (1, 6))

    def sites() -> Sites:
        return Sites(TINY, edit={"decoder.*.self.k": lambda k: k.mul_(1.5), "decoder.*.self.v": lambda v: v + 0.1})

    cache = Cache(TINY)
    parts = [network.decoder(piece, None, cache=cache, sites=sites()) for piece in tokens.split(1, dim=1)]
    whole = network.decoder(tokens, None, sites=sites())
    # float32, values of about 10
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_edits_that_fit_one_site_follow_each_other() -> None:
    sites = Sites(TINY, read=["logits"], edit={"log*": lambda v: v * 0 + 1, "logits": lambda v: v + 1})
    assert float(ran(made(TINY), sites).mean()) == 2
    assert float(sites.only("logits").mean()) == 2


@pytest.mark.parametrize("name", ["decoder.9.cross.pattern", "decoder.*.cros.pattern", "encoder.0.pattern", ""])
def test_a_name_that_is_no_site_is_refused(name: str) -> None:
    for arguments in ({"read": [name]}, {"edit": {name: lambda value: value}}):
        with pytest.raises(SitesError, match="expected a site of this model"):
            Sites(TINY, **arguments)  # type: ignore[arg-type]


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(SitesError, match=r"decoder\.1\.cross\.pattern"):
        Sites(TINY, read=["decoder.1.cross.patern"])


@torch.no_grad()
@pytest.mark.parametrize("name", ["encoder.stem", "decoder.0.self.q", "decoder.1.cross.pattern", "memory", "logits"])
def test_an_edit_that_changes_the_shape_or_forgets_to_return_is_refused(name: str) -> None:
    network = made(TINY)
    with pytest.raises(SitesError, match=f"{name}.*keep the shape"):
        ran(network, Sites(TINY, edit={name: lambda value: value[..., :-1]}))
    with pytest.raises(SitesError, match=f"{name}.*NoneType"):
        ran(network, Sites(TINY, edit={name: lambda value: None}))  # type: ignore[arg-type, return-value]


def test_only_asks_for_exactly_one_value() -> None:
    sites = Sites(TINY, read=["logits"])
    with pytest.raises(SitesError, match="got 0"):
        sites.only("logits")
    with torch.no_grad():
        ran(made(TINY), sites)
        ran(made(TINY), sites)
    with pytest.raises(SitesError, match="got 2"):
        sites.only("logits")


def test_an_edit_that_keeps_the_value_gives_its_gradient() -> None:
    kept: list[Tensor] = []

    def keep(value: Tensor) -> Tensor:
        value.retain_grad()
        kept.append(value)
        return value

    ran(made(TINY), Sites(TINY, edit={"encoder.embed": keep})).sum().backward()
    assert kept[0].grad is not None
    assert float(kept[0].grad.abs().max()) > 0


@every_config
def test_nobody_watching_builds_no_name(config: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("a site was touched although nobody watches")

    for owner in (Sites, Scope):
        for method in ("__init__", "visit", "within", "wants"):
            monkeypatch.setattr(owner, method, touched)
    ran(made(config), None).sum().backward()
    with torch.no_grad():
        ran(made(config), None)
