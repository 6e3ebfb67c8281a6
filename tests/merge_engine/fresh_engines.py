"""What fresh engines answer, one model folder after the other. Runs in vLLM's environment: JSON in, JSON out."""

from __future__ import annotations

import gc
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from vllm import LLM, SamplingParams


def answers(folder: str, prompts: list[list[int]], max_tokens: int, dtype: str) -> list[Any]:
    """Token ids and top-3 logprobs, prompt by prompt, as ``live_engines.comparable`` has them."""
    engine = LLM(
        folder,
        dtype=dtype,
        enforce_eager=True,
        max_model_len=1024,
        disable_log_stats=True,
        # Small, to start soon: a prompt still goes into one step.
        max_num_seqs=8,
        max_num_batched_tokens=1024,
        kv_cache_memory_bytes=64 << 20,
    )
    greedy = SamplingParams(temperature=0, max_tokens=max_tokens, logprobs=3, ignore_eos=True)
    found = []
    for prompt in prompts:
        (output,) = engine.generate([{"prompt_token_ids": prompt}], greedy, use_tqdm=False)
        answer = output.outputs[0]
        tops = [sorted((token, each.logprob) for token, each in top.items()) for top in answer.logprobs]
        found.append([list(answer.token_ids), tops])
    del engine
    gc.collect()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "plain":
        import_module("vllm_plain").make_plain()
    asked = json.load(sys.stdin)
    result = {
        folder: answers(folder, asked["prompts"], asked["max_tokens"], asked["dtype"]) for folder in asked["folders"]
    }
    Path(sys.argv[2]).write_text(json.dumps(result))
