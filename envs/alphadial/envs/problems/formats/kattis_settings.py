"""problem.yaml of Kattis packages, legacy and 2025-09."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs.problems.formats.features import Features, known_features
from alphadial.envs.problems.formats.fields import flag, mapping, number, sequence, text
from alphadial.envs.problems.formats.flags import legacy_time_rule, limits
from alphadial.envs.problems.formats.kattis_versions import Rules, rules_of
from alphadial.envs.problems.formats.packages import FormatError, TimeRule
from alphadial.envs.problems.formats.tree import Tree
from alphadial.envs.problems.formats.yaml_file import LARGEST, Yaml, at, parse_yaml
from alphadial.envs.types import Limits

PROBLEM = "problem.yaml"
_UNSUPPORTED = ("interactive", "multi-pass", "submit-answer")
_KEYS = {
    "problem_format_version",
    "type",
    "name",
    "uuid",
    "version",
    "credits",
    "source",
    "license",
    "rights_owner",
} | {"embargo_until", "limits", "keywords", "languages", "allow_file_writing", "constants"}
_LIMITS = {"time_multipliers", "time_limit", "time_resolution", "memory", "output", "code"} | {
    "compilation_time",
    "compilation_memory",
    "validation_time",
    "validation_memory",
    "validation_output",
    "validation_passes",
}
_READ = {"problem_format_version", "type", "limits", "constants", "allow_file_writing"} | {
    *("validation", "validator_flags", "grading"),
}
"""Keys that are used."""
_OLDER = {"validation", "validator_flags", "grading", "limits.time_multiplier", "limits.time_safety_margin"}
"""Of the legacy format: passed over in a later one, they would change what is accepted, or when."""
_LONGEST_LINE = 64 * 1024
_WORD = "[a-zA-Z_][a-zA-Z0-9_]*"
_CONSTANT = re.compile(rf"\{{\{{({_WORD}(?:\.{_WORD})?)\}}\}}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What problem.yaml and the files beside it say."""

    rules: Rules
    limits: Limits
    time_limit_s: float | None
    time_rule: TimeRule
    custom: bool
    """A validator of its own judges the output."""
    flags: tuple[str, ...]
    """Of the output validator, for all tests (legacy and drafts)."""
    constants: Mapping[str, str]
    features: Features
    """Its keywords, as ``tags``."""
    on_reject: str
    """"continue" or "break" (legacy): how judging goes on after a failing test, where testdata.yaml does not say."""

    def filled(self, text: str) -> str:
        """The text with constants put in for their tags."""
        if not self.constants:
            return text
        return _CONSTANT.sub(lambda tag: self.constants.get(tag[1], tag[0]), text)


def read_settings(tree: Tree) -> Settings:
    """Reads problem.yaml, and the time limit beside it where there is one (.timelimit, domjudge-problem.ini).

    Raises:
        FormatError: at the file and line where something is wrong, or of a kind that cannot be judged here.
    """
    path = tree.root / PROBLEM
    yaml = parse_yaml(tree.text(path, LARGEST), path, _READ)
    tree.warn(*yaml.warnings)
    rules = rules_of(tree, yaml)
    _check_type(yaml)
    with at(yaml, "limits"):
        stated = mapping(yaml.values.get("limits") or {}, "limits")
    if not rules.legacy:
        _check_keys(tree, yaml, stated)
    for key in stated.keys() & {"memory", "output", "time_limit", "time_multiplier", "time_safety_margin"}:
        with at(yaml, f"limits.{key}"):
            number(stated[key], f"limits.{key}")
    time_limit_s = float(stated["time_limit"]) if "time_limit" in stated else _limit_beside(tree)
    return Settings(
        rules=rules,
        limits=limits(stated, time_limit_s),
        time_limit_s=time_limit_s,
        time_rule=_time_rule(yaml, stated, rules),
        custom=_custom(tree, yaml, rules),
        flags=_flags(yaml),
        constants={} if rules.old else _constants(yaml),
        features=known_features(tags=_keywords(yaml)),
        on_reject=_on_reject(yaml),
    )


def words(value: Any, what: str) -> tuple[str, ...]:
    """A sequence of texts that a command line can hold.

    Raises:
        FormatError: it is none.
    """
    found = tuple(text(word, f"each of {what}") for word in sequence(value or [], what))
    if any("\0" in word for word in found) or sum(map(len, found)) + len(found) > _LONGEST_LINE:
        raise FormatError(f"{what} holds a null byte, or more than {_LONGEST_LINE:,} characters")
    return found


def _check_type(yaml: Yaml) -> None:
    stated = yaml.values.get("type", "pass-fail")
    for kind in stated if isinstance(stated, list) else [stated]:
        with at(yaml, "type"):
            if text(kind, "type") in _UNSUPPORTED:
                raise FormatError(f"{kind} problems are not supported")
            if kind not in ("pass-fail", "scoring"):
                raise FormatError(f"unknown type {kind[:40]!r}: choose pass-fail or scoring")


def _check_keys(tree: Tree, yaml: Yaml, stated: Mapping[str, Any]) -> None:
    unknown = [str(key) for key in yaml.values if key not in _KEYS]
    unknown += [f"limits.{key}" for key in stated if key not in _LIMITS]
    for key in unknown:
        if key in _OLDER:
            raise yaml.error(key, f"unknown key {key[:40]!r}, of an older format")
        tree.warn(yaml.unread(key))
    with at(yaml, "allow_file_writing"):
        flag(yaml.values.get("allow_file_writing", False), "allow_file_writing")


def _time_rule(yaml: Yaml, stated: Mapping[str, Any], rules: Rules) -> TimeRule:
    if rules.legacy and not stated.keys() & {"time_multipliers", "time_resolution"}:
        return legacy_time_rule(stated)
    default = TimeRule()
    with at(yaml, "limits.time_multipliers"):
        factors = mapping(stated.get("time_multipliers") or {}, "limits.time_multipliers")
        ac = number(factors.get("ac_to_time_limit", default.ac_to_time_limit), "ac_to_time_limit")
        tle = number(factors.get("time_limit_to_tle", default.time_limit_to_tle), "time_limit_to_tle")
    with at(yaml, "limits.time_resolution"):
        resolution = number(stated.get("time_resolution", default.resolution_s), "limits.time_resolution")
    return TimeRule(ac, tle, resolution)


def _custom(tree: Tree, yaml: Yaml, rules: Rules) -> bool:
    stated = yaml.values.get("validation")
    folder = tree.root / rules.validators
    if stated is None and not rules.old:
        return tree.is_folder(folder)
    if stated is None and folder.name == "output_validator":
        raise FormatError("of a later format: set problem_format_version, or validation to custom", path=folder)
    with at(yaml, "validation"):
        kind, *extras = text(stated or "default", "validation").split() or ("",)
    if kind not in ("default", "custom") or not set(extras) <= {"score", "interactive"}:
        raise yaml.error("validation", "validation must be default or custom, with score or interactive after custom")
    if "interactive" in extras:
        raise yaml.error("validation", "interactive problems are not supported")
    return kind == "custom"


def _flags(yaml: Yaml) -> tuple[str, ...]:
    with at(yaml, "validator_flags"):
        return words(text(yaml.values.get("validator_flags") or "", "validator_flags").split(), "validator_flags")


def _on_reject(yaml: Yaml) -> str:
    """An early form of the legacy format has it within grading, as "grade" and "first_error"."""
    grading = yaml.values.get("grading")
    stated = grading.get("on_reject") if isinstance(grading, dict) else None
    return "continue" if stated in ("continue", "grade") else "break"


def _keywords(yaml: Yaml) -> Any:
    """A sequence; in the legacy format words of one text."""
    stated = yaml.values.get("keywords")
    return stated.split() if isinstance(stated, str) else stated


def _constants(yaml: Yaml) -> dict[str, str]:
    with at(yaml, "constants"):
        stated = mapping(yaml.values.get("constants") or {}, "constants")
    found = {}
    for name, value in stated.items():
        variants = {"": value}
        if isinstance(value, dict):  # the plain name stands for its value, the others are of statements and languages
            variants = {"": value.get("value"), **{f".{key}": each for key, each in value.items()}}
        for variant, each in variants.items():
            if isinstance(each, bool) or not isinstance(each, int | float | str):
                raise yaml.error(f"constants.{name}", f"constant {name[:40]!r} must be a number or a text")
            found[f"{name}{variant}"] = str(each)
    return found


def _limit_beside(tree: Tree) -> float | None:
    path = tree.root / ".timelimit"
    ini = tree.root / "domjudge-problem.ini"
    if tree.is_file(path):
        stated = tree.text(path, LARGEST).strip()
    elif tree.is_file(ini):
        path = ini
        stated = _ini_value(tree.text(ini, LARGEST))
        if not stated:
            return None
    else:
        return None
    try:
        return number(float(stated), "the time limit")
    except (ValueError, FormatError):
        raise FormatError(
            f"the time limit must be a number of seconds above 0, not {stated[:40]!r}", path=path
        ) from None


def _ini_value(content: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(f"[problem]\n{content}")
        return parser.get("problem", "timelimit", fallback="").strip("'\" ")
    except configparser.Error:
        return ""
