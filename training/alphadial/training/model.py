"""The tiny model and its tokenizer."""

from __future__ import annotations

from itertools import islice
from typing import Any

from alphadial.envs.problems.tiny.variants import MAPS, POSTS, templates
from alphadial.training.corpus import examples

VOCABULARY = 384
CORPUS_PROGRAMS = 6000
"""Programs that the tokenizer learns its merges from."""
CHAT_TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}<answer>"
MAX_POSITIONS = 512


def train_tokenizer() -> Any:
    """Byte-pair encoding within lines, with one token for each word of a prompt: a ``PreTrainedTokenizerFast``."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n[^\n]*|[^\n]+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    words = [*templates(), *(f"map:{name}" for name in MAPS), *(f"post:{name}" for name in POSTS)]
    words += ["<repair>", "AC", "WA", "RTE", "CE", "TLE", "MLE", "OLE"]
    special = ["<pad>", "<unk>", "<s>", "</s>", "<answer>"]
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(words), special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator((example.answer for example in islice(examples(0), CORPUS_PROGRAMS)), trainer)
    tokenizer.add_tokens([AddedToken(word, lstrip=True, normalized=False) for word in words])
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


def new_model(tokenizer: Any, seed: int) -> Any:
    """A freshly initialised ``LlamaForCausalLM`` of about 0.5 M parameters, in fp32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=264,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=MAX_POSITIONS,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
