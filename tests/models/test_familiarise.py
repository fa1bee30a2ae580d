"""Learning where the training pictures lie, with generated pictures and a small random encoder."""

import sys
from pathlib import Path

import pytest
import torch

from assistant_vlm import LoadedModel, load
from assistant_vlm.config import Card
from training.export import write_weights
from training.familiarise import by_domain, fitted, limit, main


def test_the_limit_counts_each_domain_alike(tiny: LoadedModel) -> None:
    domains = by_domain(None, "train", 1, 12, tiny.config.side)
    assert {len(those) for those in domains.values()} == {12}
    known = fitted(tiny, domains)
    assert known.centres.shape == (len(domains), tiny.config.dim)
    limits = [limit(tiny, known, domains, keep) for keep in (0.1, 0.5, 0.9, 1.0)]
    assert limits == sorted(limits)
    features = torch.cat([torch.stack([tiny.encode_image(p).mean for p in those]) for those in domains.values()])
    distances = known.distances(features)
    assert float((distances <= limits[1] + 1e-4).double().mean()) == pytest.approx(0.5, abs=0.06)  # 36 pictures
    assert limits[-1] == pytest.approx(float(distances.max()), abs=1e-4)
    one = {"scenes": domains["scenes"], "charts": domains["charts"][:1]}
    assert limit(tiny, known, one, 0.45) <= limit(tiny, known, one, 0.95)


def test_the_command_completes_a_weights_folder(
    tiny: LoadedModel, tokenizer_file: Path, card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_weights(tmp_path, tiny.network.state_dict(), tokenizer_file.read_bytes(), tiny.config, card)
    monkeypatch.setattr(sys, "argv", ["familiarise", "--weights", str(tmp_path), "--n", "16", "--keep", "0.9"])
    main()
    assert "unfamiliar above" in capsys.readouterr().out
    model = load(tmp_path)
    assert model.card.unfamiliar_above is not None
    assert model.card.abstain_below == card.abstain_below
    held_out = by_domain(None, "dev", 6008, 8, model.config.side)
    strange = [model.is_unfamiliar(model.encode_image(p)) for those in held_out.values() for p in those]
    assert 0 < sum(strange) <= 0.2 * len(strange)
