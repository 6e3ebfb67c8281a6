"""Outcome tables for a comparison: those that ship with alphadial, those made before, the rest through the runner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alphadial.agents.errors import OptionError, OutcomeTableError
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.dial_summary import DialTables
from alphadial.agents.experiments.compare.shipped_tables import (
    fitting_table,
    part_of_table,
    replay_dataset,
    shipped_control,
    shipped_table,
    table_config,
)
from alphadial.agents.experiments.frontier_run import TABLE_FILE
from alphadial.agents.experiments.outcomes import OutcomeTable, tabulate
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.options import AttemptOptions, Notify
from alphadial.agents.runs.session import OnSession, RuntimeConfig, open_judge, open_session, silent
from alphadial.envs.problems import Split


@dataclass(frozen=True, slots=True)
class TableProvider:
    """The outcome tables of one family; a ``DatasetSource``."""

    options: AttemptOptions
    """The attempts that they hold: family, problem set, alphas and seed."""
    label: str
    """What the user calls the family."""
    splits: Mapping[str, Split]
    """Splits by the names that tables are asked for with."""
    models: Sequence[ModelChoice]
    samples: int
    folder: Path
    """Holds a run folder for each table that is made here."""
    runtime: RuntimeConfig
    fresh: bool = False
    """Never take the shipped tables."""
    on_session: OnSession = silent
    notify: Notify = lambda text: None
    _found: dict[tuple[str, float], OutcomeTable] = field(default_factory=dict)
    """Every table that was asked for, by split and temperature, as far as it holds these models or checkpoints."""

    def __call__(
        self, split: str, temperatures: Collection[float | None], optional: Collection[float | None] = ()
    ) -> dict[float | None, ReplayDataset]:
        """The outcomes per temperature, by ascending temperature; missing tables are made.

        Args:
            split: name of the split.
            temperatures: all of these.
            optional: these as well where they are at hand.

        Raises:
            AgentsError, EnvsError, MergeEngineError: a table cannot be made.
        """
        wanted = {temperature for temperature in (*temperatures, *optional) if temperature is not None}
        configs = {temperature: self.config(split, temperature) for temperature in wanted}
        tables = {temperature: self._at_hand(config) for temperature, config in sorted(configs.items())}
        missing = [temperature for temperature in tables if temperature in temperatures and tables[temperature] is None]
        at_hand = [f"{temperature:g}" for temperature, table in tables.items() if table is not None]
        if at_hand:
            self.notify(f"{self.label} on {split}: tables at hand for temperature {', '.join(at_hand)}")
        if missing:
            named = ", ".join(f"{temperature:g}" for temperature in missing)
            self.notify(f"{self.label} on {split}: making tables for temperature {named}")
        for temperature in missing:
            tables[temperature] = self._make(configs[temperature], self.splits[split])
        problems = self.splits[split].problems
        found = {heat: table for heat, table in tables.items() if table is not None}
        asked = {model.name for model in self.models}
        for heat, table in found.items():
            kept = tuple(model for model in table.models if model.alpha is None or model.name in asked)
            self._found[split, heat] = table.model_copy(update={"models": kept})
        return {heat: replay_dataset(part_of_table(table, configs[heat]), problems) for heat, table in found.items()}

    def dial_tables(self, dev: str, split: str) -> DialTables:
        """All that is at hand after a comparison to say what several alphas do together."""
        by_split = {
            name: {heat: table for (of, heat), table in self._found.items() if of == name} for name in (dev, split)
        }
        heat = self.options.own_family().temperature
        return DialTables(by_split[dev], by_split[split], heat, self._control(split, heat))

    def _control(self, split: str, temperature: float) -> OutcomeTable | None:
        """The control that ships, unless it is of other weights, which was said of the shipped table by then."""
        if self.fresh:
            return None
        try:
            return shipped_control(self.config(split, temperature))
        except OutcomeTableError:
            return None

    def config(self, split: str, temperature: float) -> RunConfig:
        """The run that makes one table."""
        config = table_config(
            self.options.own_family(), self.models, self.splits[split], temperature, self.samples, self.options.seed
        )
        prompt, parser = self.options.prompt or config.prompt, self.options.parser or config.parser
        return replace(config, prompt=prompt, parser=parser)

    def path(self, config: RunConfig) -> Path:
        """The run folder of a table."""
        return self.folder / f"{config.family}-{config.split}-{config.temperature:g}-{config.run_id[:8]}"

    def _at_hand(self, config: RunConfig) -> OutcomeTable | None:
        made = self.path(config) / TABLE_FILE
        if made.is_file():
            try:
                return fitting_table(made, config)
            except OutcomeTableError as error:
                raise OutcomeTableError(f"{error}; delete it, and the same command makes it anew") from error
        family = self.options.own_family()
        if self.fresh or (config.prompt, config.parser) != (family.prompt, family.parser):
            return None  # the shipped ones were asked and read as the family says
        try:
            return shipped_table(config)
        except OutcomeTableError as error:
            self.notify(f"not taking a shipped table: {error}")
            return None

    def _make(self, config: RunConfig, split: Split) -> OutcomeTable:
        family, out = self.options.own_family(), self.path(config)
        with open_judge(self.runtime, split.problems) as judge:
            problems = self.options.prepare(split, judge, self.notify)
            if len(problems) < len(split.problems):
                raise OptionError(f"not all problems of {split.problem_set} can be attempted: take those that can")
            with open_session(config, [family], problems, out, self.runtime, judge, self.notify) as session:
                session.make(plan(config, problems), self.on_session(session))
                table = tabulate(config, session.folder.store.attempts())
                table.save(out / TABLE_FILE)
        return table
