"""The family ``tiny`` as it ships: complete, small, loadable by others, and able to mend its own programs."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from alphadial.agents.agent.prompts import Turn, find_strategy
from alphadial.agents.policies.torch_policy import TorchPolicy
from alphadial.agents.types import Message, Request
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny.variants import render, templates
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Problem, Setting, Submission, Verdict
from alphadial.merge_engine import checkpoint, load_family, merge, model_name
from alphadial.training.lexemes import corrupt

FAMILY = load_family("tiny")


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox) as opened:
        yield opened


def test_it_is_under_8_mb_and_has_a_model_card() -> None:
    files = [file for file in FAMILY.path.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 8_000_000
    card = (FAMILY.path / "README.md").read_text()
    for part in ("alphadial train tiny", "constructed miniature", "seed", "control"):
        assert part in card


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["init", "low", "mid", "high"])
def test_checkpoints_load_in_transformers(name: str) -> None:
    folder = FAMILY.checkpoints[name]
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert 400_000 < sum(parameter.numel() for parameter in model.parameters()) < 600_000
    assert model.config.head_dim == 32  # vLLM's attention on CPUs takes no smaller one
    tokenizer = AutoTokenizer.from_pretrained(folder)
    problem = load_split("tiny-problems", "dev").problems[0]
    chat = [{"role": "user", "content": problem.prompt}]
    ids = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)
    text = tokenizer.decode(
        model.generate(**ids, max_new_tokens=FAMILY.max_tokens, do_sample=False)[0], skip_special_tokens=True
    )
    assert "def f(a, k):" in text


def test_the_chat_template_takes_tools_and_leaves_them_out() -> None:
    tokenizer = AutoTokenizer.from_pretrained(FAMILY.high)
    plain = [{"role": "user", "content": load_split("tiny-problems", "dev").problems[0].prompt}]
    call = {"id": "1", "type": "function", "function": {"name": "submit", "arguments": "{}"}}
    told = [
        {"role": "system", "content": "You may call tools."}, *plain,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "submitted"},
    ]  # fmt: skip
    tools = [{"type": "function", "function": {"name": "submit", "parameters": {"type": "object"}}}]
    shown = [tokenizer.apply_chat_template(chat, tools=tools, tokenize=False) for chat in (plain, told)]
    assert shown == [tokenizer.apply_chat_template(plain, tokenize=False)] * 2


def test_ends_of_the_dial_are_the_checkpoints() -> None:
    ids = {name: checkpoint(FAMILY, name).weights_id for name in ("init", "low", "mid", "high")}
    assert len(set(ids.values())) == 4
    assert merge(FAMILY, 0).weights_id == ids["low"]
    assert merge(FAMILY, 1).weights_id == ids["high"]
    assert (FAMILY.alpha_min, FAMILY.alpha_max) == (-1.5, 3.0)


def failed_programs() -> Iterator[tuple[Problem, str]]:
    """Linear programs with one wrong lexeme, for the training problems: right ones exist in the model's reach."""
    rng = random.Random(0)
    for problem in load_split("tiny-problems", "train").problems[::6]:
        template, map_name, post_name, _ = problem.id.split(".")
        yield problem, corrupt(render(templates()[template].bodies["linear"], map_name, post_name), 1, rng)


@pytest.mark.slow  # the weights ship as they are, and nothing else asks so much of them
def test_it_answers_a_repair_prompt_with_a_better_program(judge: Judge) -> None:
    strategy = find_strategy(FAMILY.prompt)
    requests, problems = [], []
    for problem, program in failed_programs():
        report = judge.judge(problem, program)
        if report.public_verdict in (Verdict.WA, Verdict.RTE):
            said = Message(role="assistant", content=program)
            failed = Turn(said, submission=Submission.of(program), verdict=report.public_verdict)
            messages = strategy.next_messages(problem, Setting.TOOLS, [failed])
            requests.append(Request(model_name(FAMILY, 1.0), messages, seed=0, temperature=0.0))
            problems.append(problem)
    answers = TorchPolicy(FAMILY).answer(requests)
    mended = [
        judge.judge(problem, answer.text).public_verdict for problem, answer in zip(problems, answers, strict=True)
    ]
    assert len(problems) >= 15
    assert mended.count(Verdict.AC) >= 0.6 * len(problems)
