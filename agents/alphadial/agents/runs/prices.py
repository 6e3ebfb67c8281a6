"""What attempts cost, where prices are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alphadial.agents.errors import OptionError
from alphadial.agents.types import Rollout
from alphadial.envs.checks import Name, NotNegative, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import read_json


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What the tokens of one model cost."""

    prompt_token: NotNegative = 0.0
    completion_token: NotNegative = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in one currency, whichever it is."""

    prompt_token: NotNegative = 0.0
    completion_token: NotNegative = 0.0
    sandbox_second: NotNegative = 0.0
    """Wall time of tools and judge."""
    models: dict[Name, TokenPrices] = field(default_factory=dict, hash=False)
    """Tokens of single models, by the name of a family, of one of its models or of a server's; the others cost as
    above."""

    def model_cost(self, rollout: Rollout) -> float:
        """What the tokens of an attempt cost."""
        model = rollout.request.model
        price = self.models.get(model) or self.models.get(model.partition("@")[0]) or self
        return rollout.prompt_tokens * price.prompt_token + rollout.completion_tokens * price.completion_token

    def check(self, models: Iterable[str]) -> None:
        """Refuses prices of models that a run does not ask.

        Raises:
            OptionError: it names one.
        """
        known = {name for model in models for name in (model, model.partition("@")[0])}
        if strangers := sorted(self.models.keys() - known):
            raise OptionError(f"--prices: {strangers[0]!r} is no model of this run: it has {', '.join(sorted(known))}")

    def sandbox_cost(self, rollout: Rollout) -> float:
        """What running the programs of an attempt cost."""
        return (rollout.tools_s + rollout.judge_s) * self.sandbox_second


_PRICES = TypeAdapter(Prices)


def read_prices(path: Path) -> Prices:
    """Prices from a JSON file such as ``{"prompt_token": 2e-7, "completion_token": 6e-7, "sandbox_second": 1e-5}``.

    Models with prices of their own are in ``"models": {"NAME": {"prompt_token": ...}}``.

    Raises:
        OptionError: the file cannot be read, or holds something else.
    """
    try:
        values = read_json(path)
        _refuse_unknown(path, values, Prices)
        models = values.get("models") if isinstance(values, dict) else None
        for own in models.values() if isinstance(models, dict) else ():
            _refuse_unknown(path, own, TokenPrices)
        return _PRICES.validate_python(values)
    except ForeignError as error:
        raise OptionError(str(error)) from error
    except ValidationError as error:
        raise OptionError(f"{path} holds no prices: {first_fault(error)}") from error


def _refuse_unknown(path: Path, values: Any, kind: type[Prices | TokenPrices]) -> None:
    if isinstance(values, dict) and (unknown := values.keys() - kind.__dataclass_fields__.keys()):
        names = ", ".join(kind.__dataclass_fields__)
        raise OptionError(f"{path} has an unknown price {min(unknown)[:80]!r}: the prices are {names}")
