"""Becomes vLLM's server with a family in its worker, one alpha at a time: engine.py FAMILY [arguments of vLLM's]."""

from __future__ import annotations

import os
import sys

from alphadial.merge_engine import load_family
from alphadial.merge_engine.live.swap import swap_arguments

family, *more = sys.argv[1:]
server = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *swap_arguments(load_family(family)), *more]
os.execv(sys.executable, server)
