"""The tiny model and its tokenizer."""

from __future__ import annotations

from itertools import islice
from typing import Any

from alphadial.envs.problems.tiny.build import prompt
from alphadial.envs.problems.tiny.variants import MAPS, POSTS, templates
from alphadial.envs.types import Verdict
from alphadial.training.corpus import examples

PROGRAM_TOKENS = 280
"""Tokens that programs are written in, beside one for each word of a prompt."""
CORPUS_PROGRAMS = 6000
"""Programs that the tokenizer learns its merges from."""
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] in ('user', 'assistant') and message['content'] is string %}{{ message['content'] }}"
    "{% endif %}{% endfor %}<answer>"
)
"""What the model was trained to read. Offered tools, and messages of a system or a tool, are no part of it: they are
left out, so that a client that sends them is answered as if it had not."""
MAX_POSITIONS = 512


def train_tokenizer() -> Any:
    """Byte-pair encoding within lines, with one token for each word of a prompt: a ``PreTrainedTokenizerFast``."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n[^\n]*|[^\n]+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    special = ["<pad>", "<unk>", "<s>", "</s>", "<answer>"]
    trainer = trainers.BpeTrainer(vocab_size=PROGRAM_TOKENS, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator((example.answer for example in islice(examples(0), CORPUS_PROGRAMS)), trainer)
    tokenizer.add_tokens([AddedToken(word, lstrip=True, normalized=False) for word in _words()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=MAX_POSITIONS,
    )


def _words() -> list[str]:
    """Every word of a prompt: those that pose a problem, and those that show a failed program."""
    posed = [prompt(name, "same", "same") for name in templates()]
    posed += [prompt(next(iter(templates())), map_name, post_name) for map_name in MAPS for post_name in POSTS]
    words = dict.fromkeys(word for text in posed for word in text.split())
    return [*words, "<repair>", *Verdict]


def new_model(tokenizer: Any, seed: int) -> Any:
    """A freshly initialised ``LlamaForCausalLM`` of about 0.5 M parameters, in fp32.

    Its heads have a size of 32, which vLLM's attention on a CPU takes.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=264,
            num_hidden_layers=4,
            num_attention_heads=3,
            num_key_value_heads=3,
            max_position_embeddings=MAX_POSITIONS,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
