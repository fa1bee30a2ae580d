import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import assistant_vlm
from assistant_vlm import LoadedModel, VlmError, WeightsError, load, load_named, packaged_sets
from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.familiarity import Familiarity
from assistant_vlm.weight_sets import CONFIG_FILE, FAMILIARITY_FILE, SET_NAMES, TOKENIZER_FILE, WEIGHTS_FILE, set_folder
from training.export import write_weights


@pytest.fixture
def folder(tiny: LoadedModel, tokenizer_file: Path, card: Card, tmp_path: Path) -> Path:
    write_weights(tmp_path, tiny.network.state_dict(), tokenizer_file.read_bytes(), tiny.config, card)
    return tmp_path


def test_written_weights_load_and_answer_alike(folder: Path, tiny: LoadedModel) -> None:
    loaded = load(folder)
    assert (loaded.name, loaded.version, loaded.licence, loaded.abstain_below) == ("tiny", "0", "none", 0.5)
    assert loaded.parameters == sum(p.numel() for p in tiny.network.parameters())
    for key, value in tiny.network.state_dict().items():
        # stored in float16: 11 bits of significand
        torch.testing.assert_close(loaded.network.state_dict()[key], value, rtol=1e-3, atol=1e-4)
    assert list(loaded.generate(loaded.encode_image(Image.new("RGB", (9, 9))), "hello"))
    assert len(loaded.fingerprint) == 64
    assert load(folder).fingerprint == loaded.fingerprint


@pytest.mark.parametrize("name", [WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE])
def test_the_fingerprint_covers_every_file(folder: Path, name: str) -> None:
    before = load(folder).fingerprint
    if name == CONFIG_FILE:
        (folder / name).write_text((folder / name).read_text().replace('"tiny"', '"other"'))
    elif name == WEIGHTS_FILE:
        data = bytearray((folder / name).read_bytes())
        data[-1] ^= 1
        (folder / name).write_bytes(data)
    else:
        return  # any change of the tokenizer is refused: see below
    assert load(folder).fingerprint != before


@pytest.mark.parametrize("name", [WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=name):
        load(folder)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, TOKENIZER_FILE, CONFIG_FILE])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.6])
def test_a_truncated_file_is_named(folder: Path, name: str, kept: float) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(WeightsError, match=name.split(".")[0]):
        load(folder)


def _change(folder: Path, part: str, **values: object) -> None:
    data = json.loads((folder / CONFIG_FILE).read_text())
    data[part].update(values)
    (folder / CONFIG_FILE).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"vocab": 600}, r"expected 600 tokens.*got 512"),
        ({"dim": 64}, "of shape"),
        ({"decoder_layers": 3}, "missing"),
        ({"decoder_layers": 1}, "unknown"),
        ({"patch_positions": "learned"}, "missing"),
        ({"side": 33}, "multiple of the patch"),
        ({"heads": 5}, "heads times a multiple of 4"),
        ({"kv_heads": 3}, "multiple of kv_heads"),
        ({"surprise": 1}, "surprise"),
        ({"dim": "wide"}, "config"),
        ({"norm": "none"}, "expected norm to be one of"),
    ],
)
def test_a_config_that_does_not_fit_says_what_was_expected(folder: Path, values: dict[str, object], said: str) -> None:
    _change(folder, "model", **values)
    with pytest.raises(WeightsError, match=said):
        load(folder)


def test_confidence_weights_are_counted(folder: Path) -> None:
    _change(folder, "card", confidence_with_image=[1.0])
    with pytest.raises(WeightsError, match="confidence weights with image, got 1"):
        load(folder)


@pytest.mark.parametrize("curve", [[[0, 0.5], [0, 0.6]], [[0, 0.5], [1, 0.4]], [[0, 1.5]]])
def test_a_curve_that_falls_or_leaves_its_range_is_named(folder: Path, curve: list[list[float]]) -> None:
    _change(folder, "card", curve_with_image=curve)
    with pytest.raises(WeightsError, match="rising scores"):
        load(folder)


def test_a_tokenizer_of_other_weights_is_named(folder: Path) -> None:
    from training.tokenizer_recipe import train_tokenizer

    train_tokenizer(folder / TOKENIZER_FILE, 480, seed=1, lines=300, data=None)
    with pytest.raises(WeightsError, match=r"tokenizer\.model: expected 512 tokens as in config\.json, got 480"):
        load(folder)


def statistics(dim: int, wide: int) -> Familiarity:
    return Familiarity(torch.zeros(dim), torch.eye(wide), torch.zeros(3, dim), torch.zeros(5, dim))


def test_statistics_of_the_training_pictures_come_along(folder: Path, tiny: LoadedModel) -> None:
    image = Image.new("RGB", (9, 9), "red")
    without = load(folder)
    assert without.familiarity is None
    assert not without.is_unfamiliar(without.encode_image(image))
    with pytest.raises(WeightsError, match=FAMILIARITY_FILE):
        without.unfamiliarity(without.encode_image(image))
    stored = statistics(32, 32)
    (folder / FAMILIARITY_FILE).write_bytes(stored.to_bytes())
    known = load(folder)
    encoded = known.encode_image(image)
    # a length of 1 from the known directions, which are none, and a little for the length
    assert known.unfamiliarity(encoded) == pytest.approx(1 + 0.006 * float(encoded.mean.norm()), rel=1e-5)
    assert known.fingerprint != without.fingerprint
    assert not known.is_unfamiliar(encoded)
    for limit, strange in ((0.5, True), (1e6, False)):
        _change(folder, "card", unfamiliar_above=limit)
        assert load(folder).is_unfamiliar(encoded) is strange


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "expected a whole safetensors file, got 0 bytes"),
        (statistics(16, 16).to_bytes(), r"expected mean \[32\], factor \[32, 32\]"),
        (statistics(32, 31).to_bytes(), r"'factor': \[31, 31\]"),
        (statistics(32, 32).to_bytes()[:-9], "whole"),
    ],
)
def test_statistics_that_do_not_fit_are_named(folder: Path, data: bytes, said: str) -> None:
    (folder / FAMILIARITY_FILE).write_bytes(data)
    with pytest.raises(WeightsError, match=said):
        load(folder)


def test_sets_have_names() -> None:
    with pytest.raises(WeightsError, match=r"open or photos; got 'sketches'"):
        load_named("sketches")
    assert set(packaged_sets()) <= set(SET_NAMES)
    for name in SET_NAMES:
        if name not in packaged_sets():
            with pytest.raises(WeightsError, match="expected"):
                load_named(name)
        else:
            assert (set_folder(name) / CONFIG_FILE).is_file()


def test_every_error_has_one_root() -> None:
    for error in (assistant_vlm.WeightsError, assistant_vlm.PictureError, assistant_vlm.SettingsError):
        assert issubclass(error, VlmError)


def test_all_is_what_can_be_imported() -> None:
    assert assistant_vlm.__all__ == sorted(assistant_vlm.__all__)
    for name in assistant_vlm.__all__:
        assert getattr(assistant_vlm, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = assistant_vlm.nothing_such


def test_importing_the_package_does_not_import_torch() -> None:
    root = Path(assistant_vlm.__file__).parent.parent
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import assistant_vlm; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_model_knows_neither_the_assistant_nor_its_plugins() -> None:
    for file in Path(assistant_vlm.__file__).parent.glob("*.py"):
        for line in file.read_text().splitlines():
            if line.strip().startswith(("import ", "from ")):
                module = line.split()[1]
                assert module == "assistant_vlm" or not module.startswith("assistant") or module[13] == ".", line


def test_config_survives_json(tiny: LoadedModel, card: Card) -> None:
    from assistant_vlm.config import read_config, write_config

    assert read_config(write_config(tiny.config, card)) == (tiny.config, card)
    assert isinstance(dataclasses.replace(tiny.config, dim=64), ModelConfig)
