"""Which decisions a controller has learnt from already, so that an update that comes twice counts once."""

from __future__ import annotations

from collections.abc import Mapping

from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Decision


class SeenDecisions:
    """Remembers decisions as one integer per problem, whose bit N stands for attempt N."""

    def __init__(self, bits: Mapping[str, int] | None = None) -> None:
        """``bits``: what ``Fields.bits`` read; None means that nothing has been seen."""
        self._bits = dict(bits or {})

    def add(self, decision: Decision) -> bool:
        """Remembers a decision, and says whether it is a new one.

        Raises:
            ControllerError: its id is no ``PROBLEM#N``.
        """
        problem, _, number = decision.id.rpartition("#")
        if not number.isdecimal():
            raise ControllerError(f"decision id {decision.id!r} is not PROBLEM#N")
        bit, known = 1 << int(number), self._bits.get(problem, 0)
        self._bits[problem] = known | bit
        return not known & bit

    def memory(self) -> dict[str, str]:
        """The integers in hexadecimal by problem, as a saved state holds them."""
        return {problem: f"{bits:x}" for problem, bits in self._bits.items()}
