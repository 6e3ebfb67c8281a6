"""Without torch and its like, shipped tables are replayed and the example of a controller runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.runs.options import chosen_alphas
from alphadial.merge_engine import load_family, model_name

ROOT = Path(__file__).parents[2]
EXTRAS = ("torch", "safetensors", "numba", "llvmlite", "transformers", "tokenizers", "matplotlib", "plotly")


def without_extras(code: str) -> subprocess.CompletedProcess[str]:
    missing = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", missing + code],
        cwd=ROOT / "examples",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.thorough
def test_shipped_outcomes_are_replayed_and_what_needs_torch_says_so() -> None:
    code = """
import gymnasium
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.weight_env import Replay
from alphadial.merge_engine import MissingExtraError, load_family
env = gymnasium.make("alphadial/Weight-v0", source=Replay.shipped("tiny", "dev"))
env.reset(seed=0)
env.step(0)
print("made")
try:
    expected_weights_id(load_family("tiny"), "tiny@-0.75")
except MissingExtraError as error:
    print(error)
"""
    done = without_extras(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("made\n")
    assert done.stdout.endswith(" needs numba: pip install 'alphadial[merge]'\n")


@pytest.mark.slow
def test_the_example_of_a_controller_runs() -> None:
    done = without_extras("import runpy; runpy.run_path('bandit.py', run_name='__main__')")
    assert done.returncode == 0, done.stderr
    assert "bounce" in done.stdout


def test_no_shipped_table_is_of_other_weights() -> None:
    family = load_family("tiny")
    alphas = chosen_alphas(family, None)
    assert len({expected_weights_id(family, model_name(family, alpha)) for alpha in alphas}) == len(alphas)
