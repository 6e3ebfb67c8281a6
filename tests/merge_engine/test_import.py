from __future__ import annotations

import os
import subprocess
import sys

import pytest

import alphadial.merge_engine as merge_engine

_WITHOUT_TORCH = """
import sys
sys.modules["{missing}"] = None
import alphadial.merge_engine as engine
try:
    engine.load_family("nosuch")
except engine.FamilyError:
    pass
assert engine.parse_alpha("1.25") == 1.25
assert "numpy" not in sys.modules
try:
    from alphadial.merge_engine import merge
except engine.MissingExtraError as error:
    print(error)
"""


def said_without(missing: str) -> str:
    command = [sys.executable, "-c", _WITHOUT_TORCH.format(missing=missing)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


@pytest.mark.slow
def test_families_and_alphas_need_no_torch_and_the_rest_says_what_to_install() -> None:
    assert said_without("torch") == "merge needs torch: pip install 'alphadial[merge]'\n"
    assert said_without("safetensors") == "merge needs safetensors: pip install 'alphadial[merge]'\n"


@pytest.mark.slow
def test_what_vllm_loads_first_loads_no_numba() -> None:
    command = "import sys, alphadial.merge_engine.live.plugin; print('llvmlite' in sys.modules, 'vllm' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", command], check=True, stdout=subprocess.PIPE, env=environment).stdout
    assert said == b"False False\n"


def test_every_exported_name_is_there() -> None:
    assert all(getattr(merge_engine, name) is not None for name in merge_engine.__all__)
    assert merge_engine.__all__ == sorted(merge_engine.__all__)
