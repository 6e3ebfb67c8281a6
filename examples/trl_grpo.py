"""GRPO by TRL with the judge as reward: the low end of ``tiny`` learns to be fast on a few training problems.

    pip install trl
    python examples/trl_grpo.py                # the judge as a reward function
    python examples/trl_grpo.py environment    # the same through TRL's environment_factory, whose tools are Coding-v0's

A chat model of your own calls tools in the words of its chat template and fences its programs: then ``as_calls`` is not
needed, and ``judged`` is ``[reward(answer, one, split="train") for answer, one in zip(completions, problem)]``.
"""

import json
import sys
from functools import partial

import torch
from datasets import Dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from trl import GRPOConfig, GRPOTrainer

from alphadial.envs import Backend, CodingEnv, Submission, load_split, reward, tool_call
from alphadial.merge_engine import load_family


def judged(completions: list[list[dict[str, str]]], problem: list[str], **_: object) -> list[float | None]:
    """The reward of each completion: tiny writes nothing but a program, which it does not fence."""
    programs = [Submission.of(completion[-1]["content"]) for completion in completions]
    return [reward(program, one, split="train") for program, one in zip(programs, problem, strict=True)]


class Coding:
    """One attempt at a time; TRL makes an object for each rollout, and a tool of each public method."""

    def __init__(self, backend: Backend) -> None:
        self._env = CodingEnv(split="train", setting="tools", prompt="compact", backend=backend)

    def reset(self, problem: str, **_: object) -> None:
        """Begins an attempt on the problem that the row names."""
        self._env.reset(options={"problem": problem})
        self._reward: float | None = 0.0

    def run_tests(self, program: str) -> str:
        """Runs a program on the public tests.

        Args:
            program: the whole program.
        """
        return self._call("run_tests", program)

    def submit(self, program: str) -> str:
        """Hands in the program, once.

        Args:
            program: the whole program.
        """
        return self._call("submit", program)

    def get_reward(self) -> float | None:
        """What the submission is worth; None leaves the rollout out."""
        return self._reward

    def _call(self, tool: str, program: str) -> str:
        messages, value, _, _, info = self._env.step(tool_call(tool, program=program))
        self._reward = value if info["measured"] else None
        return str(json.loads(messages)[-1]["content"])


def as_calls(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Reads every answer of tiny, which calls no tools, as a call of ``submit``."""
    tokenizer.chat_template = (
        "{{ bos_token }}{% for message in messages %}{% if message.role == 'assistant' %}<answer>{{ message.content }}"
        "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}{{ eos_token }}"
        "{% else %}{{ message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
    )
    call = {"type": "function", "function": {"name": "submit", "arguments": {"program": "{content}"}}}
    answer = {"close": tokenizer.eos_token, "repeats": True, "content": "text", "transform": call}
    fields = {"tool_calls": answer}
    tokenizer.response_template = {"defaults": {"role": "assistant"}, "start_anchor": "<answer>", "fields": fields}
    return tokenizer


def main(form: str = "function", steps: str = "3") -> None:
    """Trains for so many steps."""
    torch.set_num_threads(1)  # programs that are judged need the other cores
    problems = [
        problem
        for problem in load_split("tiny-problems", "train").problems
        if problem.template == "pairs_nextdiv_product"
    ]
    rows = [{"prompt": [{"role": "user", "content": one.prompt}], "problem": one.id} for one in problems]
    dataset = Dataset.from_list(rows)
    options = GRPOConfig(
        output_dir="trl-grpo",
        max_steps=int(steps),
        per_device_train_batch_size=16,
        num_generations=8,
        max_completion_length=192,
        max_tool_calling_iterations=1,  # TRL asks the model once more after it; that answer is not called
        learning_rate=5e-4,
        temperature=1.0,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        bf16=False,
        use_cpu=True,
    )
    folder = str(load_family("tiny").path / "low")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rewarding: dict[str, object] = {"reward_funcs": judged}
    if form == "environment":
        tokenizer = as_calls(tokenizer)
        rewarding = {"environment_factory": partial(Coding, Backend())}
    GRPOTrainer(folder, train_dataset=dataset, args=options, processing_class=tokenizer, **rewarding).train()


if __name__ == "__main__":
    main(*sys.argv[1:])
