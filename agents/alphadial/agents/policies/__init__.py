"""Models that answer: in process, behind an OpenAI-compatible server, or scripted."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from alphadial.agents.errors import MissingExtraError, PolicyError
from alphadial.agents.policies.scripted import ScriptedPolicy

if TYPE_CHECKING:
    from alphadial.agents.policies.http import HttpPolicy, ServerOptions
    from alphadial.agents.types import Policy
    from alphadial.merge_engine import Family

__all__ = ["ScriptedPolicy", "open_policy", "served_models"]


def open_policy(
    family: Family | None,
    server: str | None = None,
    unverified_weights: bool = False,
    options: ServerOptions | None = None,
) -> Policy:
    """The policy that answers as the models of a family: in process, or on the server at that address.

    A server is sent the key in the environment variable ``OPENAI_API_KEY``, where there is one. Without a family it may
    serve any model, and nobody vouches for the weights that answer.

    Args:
        family: whose models are asked.
        server: its address; None means that the models answer in this process.
        unverified_weights: accept answers of a server that does not say which weights it has.
        options: how a server is asked.

    Raises:
        MissingExtraError: torch or transformers is not installed; the message names the command that mends it.
        PolicyError: the address is none, the family's folders cannot be read, or there is neither family nor server.
    """
    if server is not None:
        from alphadial.agents.policies.weights import UnverifiedPolicy, VerifiedPolicy

        asked = _open_server(server, options)
        if family is None or unverified_weights:
            return UnverifiedPolicy(asked)
        return VerifiedPolicy(asked, family, server)
    if family is None:
        raise PolicyError("a model without a family answers on a server: pass --server")
    try:
        from alphadial.agents.policies.torch_policy import TorchPolicy
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "transformers", "tokenizers", "safetensors"):
            raise
        raise MissingExtraError(
            f"sampling in process needs {error.name}: pip install 'alphadial[local]', or pass --server"
        ) from error
    return TorchPolicy(family)


def served_models(server: str, options: ServerOptions | None = None) -> frozenset[str] | None:
    """The names of the models that a server says it has; None where it does not say.

    Raises:
        PolicyError: there is no server at the address.
    """
    policy = _open_server(server, options)
    try:
        return asyncio.run(policy.served())
    finally:
        policy.close()


def _open_server(server: str, options: ServerOptions | None) -> HttpPolicy:
    from alphadial.agents.policies.http import HttpPolicy, ServerOptions

    return HttpPolicy(server, os.environ.get("OPENAI_API_KEY"), options or ServerOptions())
