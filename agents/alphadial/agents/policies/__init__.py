"""Models that answer: in process, behind an OpenAI-compatible server, or scripted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from alphadial.agents.errors import MissingExtraError, PolicyError
from alphadial.agents.policies.routed import RoutedPolicy
from alphadial.agents.policies.scripted import ScriptedPolicy

if TYPE_CHECKING:
    from alphadial.agents.policies.http import HttpPolicy, ServerOptions
    from alphadial.agents.types import Policy
    from alphadial.merge_engine import Family

__all__ = ["RoutedPolicy", "ScriptedPolicy", "open_policy", "served_models"]


def open_policy(
    families: Family | Sequence[Family] | None,
    server: str | None = None,
    unverified_weights: bool = False,
    options: ServerOptions | None = None,
    here: Collection[str] = (),
) -> Policy:
    """The policy that answers as the models of one family or several: in process, or on the server at that address.

    A server is sent the key in the environment variable ``OPENAI_API_KEY``, where there is one. Of what it serves
    beside these families, any model may be asked, and nobody vouches for the weights that answer.

    In this process a family takes the memory of its two endpoints and of one model in fp32, which becomes each of the
    models that are asked for.

    Args:
        families: whose models are asked.
        server: its address; None means that the models answer in this process.
        unverified_weights: accept answers of a server that does not say which weights it has.
        options: how a server is asked.
        here: names of families that answer in this process though there is a server.

    Raises:
        MissingExtraError: torch or transformers is not installed; the message names the command that mends it.
        PolicyError: the address is none, a family's folders cannot be read, or there is neither family nor server.
    """
    known = families if isinstance(families, Sequence) else [families] if families is not None else []
    local = [family for family in known if server is None or family.name in here]
    owned: list[Policy] = [_open_here(family) for family in local]
    routes = {family.name: policy for family, policy in zip(local, owned, strict=True)}
    if server is None:
        if not known:
            raise PolicyError("a model without a family answers on a server: pass --server")
        return owned[0] if len(owned) == 1 else RoutedPolicy(routes, None, owned)
    from alphadial.agents.policies.weights import UnverifiedPolicy, VerifiedPolicy

    asked = _open_server(server, options)
    others = UnverifiedPolicy(asked)
    if not unverified_weights:
        remote = [family for family in known if family not in local]
        routes |= {family.name: VerifiedPolicy(asked, family, server) for family in remote}
    return RoutedPolicy(routes, others, [*owned, asked]) if routes else others


def _open_here(family: Family) -> Policy:
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
