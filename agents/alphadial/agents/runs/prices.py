"""What attempts cost, where prices are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from alphadial.agents.errors import OptionError
from alphadial.agents.types import Rollout
from alphadial.envs.checks import NotNegative, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import read_json


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in one currency, whichever it is."""

    prompt_token: NotNegative = 0.0
    completion_token: NotNegative = 0.0
    sandbox_second: NotNegative = 0.0
    """Wall time of tools and judge."""

    def model_cost(self, rollout: Rollout) -> float:
        """What the tokens of an attempt cost."""
        return rollout.prompt_tokens * self.prompt_token + rollout.completion_tokens * self.completion_token

    def sandbox_cost(self, rollout: Rollout) -> float:
        """What running the programs of an attempt cost."""
        return (rollout.tools_s + rollout.judge_s) * self.sandbox_second


_PRICES = TypeAdapter(Prices)


def read_prices(path: Path) -> Prices:
    """Prices from a JSON file such as ``{"prompt_token": 2e-7, "completion_token": 6e-7, "sandbox_second": 1e-5}``.

    Raises:
        OptionError: the file cannot be read, or holds something else.
    """
    try:
        values = read_json(path)
        if isinstance(values, dict) and (unknown := values.keys() - Prices.__dataclass_fields__.keys()):
            names = ", ".join(Prices.__dataclass_fields__)
            raise OptionError(f"{path} has an unknown price {min(unknown)[:80]!r}: the prices are {names}")
        return _PRICES.validate_python(values)
    except ForeignError as error:
        raise OptionError(str(error)) from error
    except ValidationError as error:
        raise OptionError(f"{path} holds no prices: {first_fault(error)}") from error
