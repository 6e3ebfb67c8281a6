"""What the tests of agents share: problems, a configuration, and small real models with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from alphadial.agents.runs.config import RunConfig
from alphadial.envs.types import Problem

from .fakes import make_config, make_problems


@pytest.fixture
def problems() -> tuple[Problem, ...]:
    return make_problems()


@pytest.fixture
def config() -> RunConfig:
    return make_config()


ModelMaker = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="session")
def make_model() -> ModelMaker:
    """Random weights, and a tokenizer of words "w0" ... whose text is exactly its tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)

    def make(seed: int = 0, layers: int = 2, **shape: int) -> tuple[Any, Any]:
        vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {f"w{i}": 4 + i for i in range(60)}
        words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=words,
            bos_token="<s>",
            eos_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
            chat_template="<s> {% for message in messages %}{{ message['content'] }} {% endfor %}",
        )
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(vocabulary),
                **{"hidden_size": 48, "num_attention_heads": 4, "max_position_embeddings": 256} | shape,
                intermediate_size=96,
                num_hidden_layers=layers,
                num_key_value_heads=2,
                tie_word_embeddings=True,
                bos_token_id=1,
                eos_token_id=2,
                pad_token_id=0,
                # Wide enough that logits differ much and answers end at different lengths.
                initializer_range=0.3,
            )
        )
        return model.eval(), tokenizer

    return make


@pytest.fixture(scope="session")
def family_folder(make_model: ModelMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family "toy" of random bf16 checkpoints."""
    folder = tmp_path_factory.mktemp("families") / "toy"
    for seed, name in enumerate(("low", "high", "init")):
        model, tokenizer = make_model(seed)
        model.to(torch.bfloat16).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    contents = {
        "name": "toy",
        "checkpoints": {name: name for name in ("low", "high", "init")},
        "alpha_range": [-1, 2],
        "prompt": "tiny",
        "parser": "program",
        "problem_set": "tiny-problems",
        "temperature": 0.6,
        "max_tokens": 24,
    }
    (folder / "family.json").write_text(json.dumps(contents))
    return folder
