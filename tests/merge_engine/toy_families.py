"""Families of random parameters that a real vLLM serves on a CPU: with heads of 32, the narrowest that it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from alphadial.merge_engine import Family, load_family

ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Llama has a head of its own; Qwen2 ties it to its embeddings and has biases; Qwen3 has norms of queries and keys."""
_WORDS = 60


def toy_family(
    folder: Path,
    architecture: str,
    *,
    name: str = "toy",
    alpha_range: tuple[float, float] = (-2, 3),
    width: int = 64,
    layers: int = 2,
) -> Family:
    """Writes a family of two random bf16 checkpoints, whose greedy answers differ between alphas."""
    for seed, end in enumerate(("low", "high")):
        model = _model(architecture, seed, width, layers)
        model.to(torch.bfloat16).save_pretrained(folder / end)
        _tokenizer().save_pretrained(folder / end)
    contents = {
        "name": name,
        "checkpoints": {"low": "low", "high": "high"},
        "alpha_range": alpha_range,
        "prompt": "tiny",
        "parser": "program",
        "problem_set": "tiny-problems",
        "temperature": 0.6,
        "max_tokens": 24,
    }
    (folder / "family.json").write_text(json.dumps(contents))
    return load_family(folder)


def words(*numbers: int) -> str:
    """A text of so many tokens."""
    return " ".join(f"w{number % _WORDS}" for number in numbers)


def _model(architecture: str, seed: int, width: int, layers: int) -> Any:
    import transformers

    prefix = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[architecture]
    # Wide enough that logits differ much and answers end at different lengths.
    settings: dict[str, Any] = {"initializer_range": 0.3, "tie_word_embeddings": architecture != "llama"}
    if architecture != "qwen2":
        settings["head_dim"] = 32
    config = getattr(transformers, f"{prefix}Config")(
        vocab_size=_WORDS + 4,
        hidden_size=width,
        intermediate_size=width * 3 // 2,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 64,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        **settings,
    )
    torch.manual_seed(seed)
    model = getattr(transformers, f"{prefix}ForCausalLM")(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias") or "norm" in name:  # which begin as zeros and ones, at both ends
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.2)
    return model


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {f"w{i}": 4 + i for i in range(_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # transformers takes a tokenizer of its own for Qwen2, whatever a folder's is, and keeps such tokens alone.
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in vocabulary if word.startswith("w")])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template="<s> {% for message in messages %}{{ message['content'] }} {% endfor %}",
    )
