"""From the files of a model to the model: its network, its processor, and what is wrong with them in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from assistant.errors import ModelLoadError
from assistant_backends.hugging.files import INSTALL


@dataclass(frozen=True)
class Loaded:
    """A model that is ready. ``most`` is how many tokens it can read and write together; 0 where it does not say."""

    network: Any
    processor: Any
    most: int
    fingerprint: str
    parameters: int

    @property
    def tokenizer(self) -> Any:
        """What turns text into tokens and back."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def image_token(self) -> int | None:
        """The token that stands for a part of a picture."""
        config = self.network.config
        found = getattr(config, "image_token_id", None)
        return found if isinstance(found, int) else getattr(config, "image_token_index", None)


def load(folder: Path, name: str) -> Loaded:
    """Read a model from its folder. No code of the folder is run.

    Raises:
        ModelLoadError: a package is missing, or the files cannot be used.
    """
    try:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging
    except ImportError as error:
        raise ModelLoadError("Models of Hugging Face need the package transformers.", hint=INSTALL) from error
    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # bfloat16 on a CPU is several times slower than float32
    dtype: Any = "auto" if device == "cuda" else torch.float32
    try:
        processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network: Any = AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=dtype
        )
        network.to(device).eval()
    except ImportError as error:
        raise ModelLoadError(
            f"The model {name} needs a further package: {_first(error)}", hint="Install it."
        ) from error
    except Exception as error:  # files of somebody else's fail in many ways
        if "Unrecognized configuration class" in str(error):
            raise ModelLoadError(
                f"The model {name} is none that reads pictures and writes text.",
                hint="Choose a vision-language model, such as SmolVLM, Qwen2.5-VL or LLaVA.",
            ) from error
        raise ModelLoadError(
            f"The model {name} cannot be loaded from {folder}: {_first(error)}",
            hint="Fetch it again, or choose another one.",
        ) from error
    if not getattr(processor, "chat_template", None) or getattr(processor, "image_processor", None) is None:
        lacks = "picture processor" if getattr(processor, "image_processor", None) is None else "chat template"
        raise ModelLoadError(
            f"The model {name} has no {lacks}, so it cannot be asked in a chat.",
            hint="Choose its sister that follows instructions; its name often ends with -Instruct.",
        )
    text_config = network.config.get_text_config()
    return Loaded(
        network=network,
        processor=processor,
        most=int(getattr(text_config, "max_position_embeddings", 0) or 0),
        fingerprint=_fingerprint(folder),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
    )


def _fingerprint(folder: Path) -> str:
    """Over everything that decides an answer. A blob of the hub's cache is named by its hash, so large files of it are
    not read."""
    whole = sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix not in (".json", ".safetensors", ".model", ".jinja", ".txt"):
            continue
        whole.update(path.name.encode())
        real = path.resolve()
        if path.is_symlink() and len(real.name) == 64:
            whole.update(real.name.encode())
            continue
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()


def _first(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text if len(text) <= 300 else text[:299] + "…").rstrip(".") + "."
