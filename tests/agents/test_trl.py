"""The example of TRL's GRPOTrainer: in full where TRL is, for which ``bash .ci/trl`` makes an environment."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alphadial.envs import Backend, load_split
from alphadial.merge_engine import load_family

EXAMPLE = Path(__file__).parents[2] / "examples" / "trl_grpo.py"
PYTHON = os.environ.get("ALPHADIAL_TRL_PYTHON", "")
PROBLEM = next(one for one in load_split("tiny-problems", "train").problems if one.template == "pairs_nextdiv_product")


def values(log: str, name: str) -> list[float]:
    """What TRL logged under a name, step by step."""
    return [float(value) for value in re.findall(rf"'{name}': '([-.\d]+)'", log)]


@pytest.mark.trl
@pytest.mark.skipif(not PYTHON, reason="TRL is not here: bash .ci/trl makes an environment with it, and runs this")
@pytest.mark.parametrize("form", ["function", "environment"])
def test_three_steps(form: str, tmp_path: Path) -> None:
    done = subprocess.run([PYTHON, EXAMPLE, form, "3"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = done.stdout
    rewards = values(log, "reward")
    assert len(rewards) == len(values(log, "loss")) == 3
    assert all(0 <= reward <= 1 for reward in rewards)
    assert any(rewards)  # the programs of tiny are judged, and some are right
    assert max(map(abs, values(log, "grad_norm"))) > 0
    if form == "environment":
        assert (values(log, "tools/call_frequency"), values(log, "tools/failure_frequency")) == ([1.0] * 3, [0.0] * 3)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """What the example defines, without TRL."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in {"trl": ("GRPOConfig", "GRPOTrainer"), "datasets": ("Dataset",)}.items():
            stand_in = ModuleType(module)
            for name in names:
                setattr(stand_in, name, object)
            patch.setitem(sys.modules, module, stand_in)
        return runpy.run_path(str(EXAMPLE))


def test_its_reward_function(example: dict[str, Any]) -> None:
    completions = [[{"role": "assistant", "content": program}] for program in ("def f(a, k):\n return 0\n", "", "def")]
    assert example["judged"](completions=completions, problem=[PROBLEM.id] * 3, step=7) == [0.0, 0.0, 0.0]


def test_its_environment(example: dict[str, Any]) -> None:
    with Backend(workers=1) as backend:
        coding = example["Coding"](backend)
        for _ in range(2):
            coding.reset(problem=PROBLEM.id, prompt="")
            assert "Test 1:" in coding.run_tests("def f(a, k):\n return 0\n")
            assert coding.get_reward() == 0.0
            assert coding.submit("def f(a, k):\n return 0\n")


def test_answers_of_tiny_are_read_as_calls(example: dict[str, Any]) -> None:
    from transformers import AutoTokenizer

    tokenizer = example["as_calls"](AutoTokenizer.from_pretrained(load_family("tiny").path / "low"))
    asked = [{"role": "user", "content": PROBLEM.prompt}]
    prefix = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    program = "def f(a, k):\n return 0"
    (call,) = tokenizer.parse_response(f"{program}</s>", prefix=prefix)["tool_calls"]
    assert call["function"] == {"name": "submit", "arguments": {"program": program}}
    assert tokenizer.apply_chat_template(asked, tokenize=False) == prefix.removesuffix("<answer>")
