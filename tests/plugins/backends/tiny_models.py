"""Very small vision-language models of Hugging Face's families with random weights, whole with their processors."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch

WORDS = ["what", "is", "this", "a", "red", "blue", "circle", "picture", "in", "the", "user", "assistant", "cat", "dog"]

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}IMAGE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(*special: str) -> Any:
    """Byte-level: every text goes in, and every token comes out as text."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    named = ["<pad>", "<bos>", "<|im_start|>", "<|im_end|>", *special]
    trainer = BpeTrainer(
        vocab_size=400, special_tokens=named, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator([" ".join(WORDS)] * 20 + [string.printable], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<bos>", eos_token="<|im_end|>", padding_side="left"
    )


def llava(folder: Path) -> Path:
    """LLaVA: CLIP's encoder before Llama's decoder."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    words = tokenizer("<image>")
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8,
        projection_dim=32,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    image_token = words.convert_tokens_to_ids("<image>")
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=image_token, image_seq_length=16)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer=words,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )
    return _save(folder, LlavaForConditionalGeneration, config, processor)


def smolvlm(folder: Path) -> Path:
    """SmolVLM: SigLIP's encoder, patches shuffled together, Llama's decoder."""
    from transformers import (
        LlamaConfig,
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )
    from transformers.models.smolvlm import processing_smolvlm
    from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig

    if processing_smolvlm.num2words is None:  # it counts seconds of videos with it, and will not start without
        processing_smolvlm.num2words = str

    rows = [f"<row_{row}_col_{col}>" for row in range(1, 5) for col in range(1, 5)]
    words = tokenizer("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *rows)
    vision = SmolVLMVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=4
    )
    text = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, bos_token_id=1, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    image_token = words.convert_tokens_to_ids("<image>")
    config = SmolVLMConfig(
        vision_config=vision, text_config=text, image_token_id=image_token, scale_factor=2, pad_token_id=0
    )
    processor = SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(
            size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
        ),
        tokenizer=words,
        video_processor=SmolVLMVideoProcessor(size={"longest_edge": 32}, max_image_size={"longest_edge": 32}),
        image_seq_len=16,
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )
    return _save(folder, SmolVLMForConditionalGeneration, config, processor)


def qwen(folder: Path) -> Path:
    """Qwen2.5-VL: pictures in their own size, positions in three directions."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    words = tokenizer("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")

    def number(token: str) -> int:
        return words.convert_tokens_to_ids(token)

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": 1,
            "eos_token_id": 3, "pad_token_id": 0,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "patch_size": 8,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32, "fullatt_block_indexes": [1],
            "window_size": 32,
        },
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
    )  # fmt: skip
    sizes: Any = {"patch_size": 8, "merge_size": 2, "min_pixels": 32 * 32, "max_pixels": 96 * 96}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(**sizes),
        chat_template=TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return _save(folder, Qwen2_5_VLForConditionalGeneration, config, processor)


FAMILIES = {"llava": llava, "smolvlm": smolvlm, "qwen": qwen}


def _save(folder: Path, kind: Any, config: Any, processor: Any) -> Path:
    torch.manual_seed(0)
    model = kind(config)
    for parameter in model.parameters():
        parameter.data.mul_(4)  # else every token is as likely as every other
    model.generation_config.eos_token_id = 3
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
