"""A model can be merged whatever its configuration leaves at its default, for every architecture served live."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphadial.merge_engine import merge

from .toy_families import ARCHITECTURES, toy_family, words


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_word_is_a_token_for_the_tokenizer_that_a_server_takes(tmp_path: Path, architecture: str) -> None:
    from transformers import AutoTokenizer

    family = toy_family(tmp_path, architecture)
    tokenizer = AutoTokenizer.from_pretrained(family.low)
    assert tokenizer(words(1, 10, 2, 59)).input_ids == [5, 14, 6, 63]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_toy_of_each_architecture_has_a_model_at_every_alpha(tmp_path: Path, architecture: str) -> None:
    family = toy_family(tmp_path, architecture)
    models = [merge(family, alpha) for alpha in (0, 0.5, 1)]
    assert len({each.weights_id for each in models}) == len(models)
    assert ("lm_head.weight" in models[0].tensors) == (architecture == "llama")
    assert any(name.endswith(".bias") for name in models[0].tensors) == (architecture == "qwen2")
    assert any("q_norm" in name for name in models[0].tensors) == (architecture == "qwen3")
