"""Asks engines of vLLM, one after the other in this process, and writes what they answered. Run by an environment that
has vLLM: ``python blend_child.py PLAN ANSWERS``, both JSON (``test_blend_vllm.py`` says what is in them).
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}

from vllm import LLM, SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.exceptions import VLLMValidationError
from vllm.triton_utils import dispatcher
from vllm.utils.argparse_utils import FlexibleArgumentParser

from alphadial.merge_engine import MergeEngineError

SIZES = ["--max-model-len", "512", "--max-num-batched-tokens", "128", "--kv-cache-memory-bytes", str(64 << 20)]
"""Prompts are longer than a step, so they are read in chunks beside requests that decode."""


def engine(arguments: list[str]) -> LLM:
    parser = EngineArgs.add_cli_args(FlexibleArgumentParser())
    parsed = parser.parse_args([*arguments, *SIZES, "--enforce-eager", "--distributed-executor-backend", "uni"])
    started = LLM(**vars(EngineArgs.from_cli_args(parsed)))
    # Kernels are replaced once in a process; a second search through all modules stumbles over llvmlite's.
    dispatcher._rebind_kernels = lambda overrides: None
    return started


def ask(llm: LLM, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All at once; requests have a prompt, a number of tokens, and an alpha where the engine takes one."""
    prompts, parameters = [], []
    for request in requests:
        alpha = request.get("alpha")
        prompts.append({"prompt_token_ids": request["prompt"]} | ({"cache_salt": alpha} if alpha else {}))
        parameters.append(
            SamplingParams(
                temperature=0,
                max_tokens=request["tokens"],
                ignore_eos=True,
                logprobs=2,
                extra_args={"alpha": alpha} if alpha else None,
            )
        )
    answers = []
    for answer in llm.generate(prompts, parameters, use_tqdm=False):
        (output,) = answer.outputs
        best = [sorted((each.logprob for each in token.values()), reverse=True) for token in output.logprobs]
        answers.append({"ids": list(output.token_ids), "best": best, "cached": answer.num_cached_tokens})
    return answers


def refusals(llm: LLM, prompt: list[int]) -> list[str]:
    said = []
    for asked in (
        SamplingParams(),
        SamplingParams(extra_args={"alpha": 0.3}),
        SamplingParams(extra_args={"alpha": True}),
        SamplingParams(extra_args={"alpha": "0.5"}, prompt_logprobs=1),
    ):
        try:
            llm.generate([{"prompt_token_ids": prompt}], asked, use_tqdm=False)
            said.append("")
        except VLLMValidationError as error:
            said.append(str(error))
    return said


def main(plan: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {"merged": []}
    for arguments, requests in plan["merged"]:
        llm = engine(arguments)
        answers["merged"].append([ask(llm, [request])[0] for request in requests])
        del llm
        gc.collect()
    for name, arguments, requests in plan["blended"]:
        llm = engine(arguments)
        answers[name] = {"ends": llm.collective_rpc("alphadial_ends"), "solo": [ask(llm, [r])[0] for r in requests]}
        if name == plan["batched"]:
            llm.reset_prefix_cache()
            answers["batch"] = ask(llm, requests)
            answers["cached"] = ask(llm, requests)
            answers["refusals"] = refusals(llm, requests[0]["prompt"])
        del llm
        gc.collect()
    answers["starts"] = [start_error(arguments) for arguments in plan["starts"]]
    return answers


def start_error(arguments: list[str]) -> str:
    try:
        engine(arguments)
    except MergeEngineError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
