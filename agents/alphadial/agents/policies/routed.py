"""Several models at once: who answers follows from the model's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alphadial.agents.errors import PolicyError
from alphadial.agents.types import Completion, Policy, Request


class RoutedPolicy:
    """Hands each request to the policy of its model's family, and every other model's to one server.

    Args:
        families: a family's name to the policy that answers as its models.
        others: answers as every other model; None: there are none.
        owned: each policy that does the work, once; they are closed with this one.
    """

    def __init__(self, families: Mapping[str, Policy], others: Policy | None, owned: Sequence[Policy]) -> None:
        self._families, self._others, self._owned = dict(families), others, tuple(owned)

    @property
    def concurrency(self) -> int:
        """What all of them answer at once; each keeps to its own bound."""
        return sum(policy.concurrency for policy in self._owned)

    async def complete(self, request: Request) -> Completion:
        """Answers by whoever has the model.

        Raises:
            PolicyError: nobody has it; else as the policy that is asked.
        """
        policy = self._families.get(request.model.partition("@")[0], self._others)
        if policy is None:
            raise PolicyError(f"nobody answers as {request.model!r}: there are {', '.join(self._families)}")
        return await policy.complete(request)

    def close(self) -> None:
        """Closes every policy."""
        for policy in self._owned:
            policy.close()
