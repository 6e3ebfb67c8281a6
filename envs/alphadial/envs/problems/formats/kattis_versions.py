"""Which rules of the package format hold: those of a package's version, and for drafts those of their day.

The drafts of 2023-07 went from the legacy rules to those of 2025-09 step by step, all under one name. So a draft is
read by the legacy rules where it holds something that only they know, and what came under two names may have either.
Legacy packages may too, since tools that know both formats write them so; in 2025-09 the older names are mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alphadial.envs.problems.formats.fields import text
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.problems.formats.tree import Tree
from alphadial.envs.problems.formats.yaml_file import Yaml, at

LEGACY = ("legacy", "legacy-icpc")
DRAFTS = ("2025-09-draft", "2023-07", "2023-07-draft", "draft")
_KNOWN = (*LEGACY, "2025-09", *DRAFTS)
_LEGACY_KEYS = {"author", "source_url", "validation", "validator_flags", "grading"}
_LEGACY_LIMITS = {"time_multiplier", "time_safety_margin"}
STATEMENTS = ("statement", "problem_statement")
"""Folders, the newer name first."""
_VALIDATORS = ("output_validator", "output_validators")


@dataclass(frozen=True, slots=True)
class Rules:
    """How a package is read."""

    legacy: bool
    draft: bool
    """Of some day between the legacy format and 2025-09."""
    validators: str
    """The folder of its output validator, if it has one."""

    @property
    def old(self) -> bool:
        """Of the legacy format itself."""
        return self.legacy and not self.draft

    @property
    def final(self) -> bool:
        """Of 2025-09 itself, which leaves nothing to guess."""
        return not (self.legacy or self.draft)


def rules_of(tree: Tree, yaml: Yaml) -> Rules:
    """The rules for a package with this problem.yaml.

    Raises:
        FormatError: its version is unknown, or an output validator is where its rules do not look for one.
    """
    with at(yaml, "problem_format_version"):
        version = text(yaml.values.get("problem_format_version", "legacy"), "problem_format_version")
        if version not in _KNOWN:
            known = ", ".join(_KNOWN)
            raise FormatError(f"unknown problem_format_version {version[:40]!r}: known are {known}")
    draft = version in DRAFTS
    legacy = version in LEGACY or (draft and _needs_legacy(tree, yaml.values))
    return Rules(legacy, draft, _validators(tree, legacy, draft))


def _needs_legacy(tree: Tree, values: dict[str, Any]) -> bool:
    limits = values.get("limits")
    if _LEGACY_KEYS & values.keys() or (isinstance(limits, dict) and _LEGACY_LIMITS & limits.keys()):
        return True
    newer, older = (tree.is_folder(tree.root / name) for name in STATEMENTS)
    return older and not newer


def _validators(tree: Tree, legacy: bool, draft: bool) -> str:
    names = _VALIDATORS[::-1] if legacy else _VALIDATORS
    there = [name for name in names if tree.is_folder(tree.root / name)]
    chosen = there[0] if there and (legacy or draft) else names[0]
    if legacy and not draft:
        return chosen  # problem.yaml says whether it counts
    found = sorted(path for path in tree.root.glob("output_validator*") if path.stem in _VALIDATORS)
    if wrong := next((path for path in found if path.name != chosen or chosen not in there), None):
        # Passed over, it would leave the judging to the default checker.
        raise FormatError(f"the output validator must be in a folder {chosen}, and nowhere else", path=wrong)
    return chosen
