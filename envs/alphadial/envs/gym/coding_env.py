"""``alphadial/Coding-v0``: one attempt on one problem. Importing this module registers the environment::

import gymnasium
env = gymnasium.make("alphadial.envs.gym:alphadial/Coding-v0", setting="tools")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import gymnasium
from gymnasium.error import ResetNeeded

from alphadial.envs.errors import EnvsError, ProblemError, SandboxFailedError
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.gym.backend import Backend
from alphadial.envs.gym.messages import MAX_ACTION_BYTES, PROMPTS, pose, read_action, tool_call
from alphadial.envs.gym.spaces import Utf8
from alphadial.envs.judging import coverage_level, find_reward
from alphadial.envs.problems import load_split
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.tools.specs import TOOLS, BadCallError
from alphadial.envs.types import DEFAULT_TURNS, Feedback, JudgeReport, Limits, Problem, Rules, Setting, Verdict

__all__ = ["ENV_ID", "Backend", "CodingEnv", "tool_call"]

ENV_ID = "alphadial/Coding-v0"
MAX_OBSERVATION_BYTES = 1 << 22


class CodingEnv(OfOneProcess, gymnasium.Env[str, str]):
    """Solve one problem by writing a program.

    ## Action Space
    ``Utf8``: the JSON of one assistant message in the form of OpenAI's chat completions, ``{"role": "assistant",
    "content": ..., "tool_calls": [{"id", "type": "function", "function": {"name", "arguments"}}]}``; ``tool_call``
    writes one. The tools of a setting are ``env.unwrapped.tools``. Any other text is an invalid action: the answer says
    what is wrong, and it costs a turn.

    ## Observation Space
    ``Utf8``: the JSON of the list of messages since the last action. At first those that pose the problem, then one of
    role ``tool`` for each call in order, or one of role ``user`` that says why the action was invalid.

    ## Rewards
    1 at the end if the submitted program passes every test of ``coverage``, else 0. Speed never pays for a wrong
    program.

    ## Starting State
    A problem drawn by the seed, or ``options={"problem": ID}``.

    ## Episode End
    Terminated by a submission; in the setting ``reasoning`` by the first action, whatever it is. Truncated when
    ``max_turns`` actions have not submitted, or when our machinery failed.

    ## Information
    ``problem``, ``verdict``, ``failure_kind`` (of the submission), ``public_verdict`` (the last one seen) and
    ``end_reason``: str, "" where there is none yet. ``end_reason`` is "submitted", "no program" (reasoning only),
    "turns" or "infrastructure". ``level_reached``, ``turns``: int. ``solved``, ``invalid`` (the last action), ``mask``:
    bool; leave an episode with ``mask`` out of learning: it could not be measured, and its reward 0 says nothing.

    ## Arguments
    ``problem_set``, ``split``, ``problems`` (ids; None: all), ``setting``, ``max_turns`` (None: ``DEFAULT_TURNS``),
    ``coverage`` (a name in ``Problem.coverages``; None: all levels), ``feedback``, ``prompt`` ("statement" or
    "compact"), ``sandbox``, ``limits`` (fields of ``Limits`` for one tool call), ``backend`` (None: one of its own).

    Raises:
        ProblemError: an unknown problem set, split, problem or coverage, or tests that do not call a function.
        EnvsError: an argument that is none of its choices.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        problem_set: str = "tiny-problems",
        split: str = "train",
        problems: Sequence[str] | None = None,
        setting: str = "tools",
        max_turns: int | None = None,
        coverage: str | None = None,
        feedback: str = "public",
        prompt: str = "statement",
        sandbox: str = "bubblewrap",
        limits: Mapping[str, float] | None = None,
        backend: Backend | None = None,
        render_mode: str | None = None,
    ) -> None:
        loaded = load_split(problem_set, split)
        self.problems = loaded.problems if problems is None else loaded.select(problems)
        self.rules = _rules(setting, max_turns, coverage, feedback, limits)
        _check(self.problems, self.rules, prompt)
        self.render_mode, self._prompt = render_mode, prompt
        self._sandbox, self._shared, self._backend = sandbox, backend, backend
        self.action_space = Utf8(MAX_ACTION_BYTES)
        self.observation_space = Utf8(MAX_OBSERVATION_BYTES)
        self._session: ToolSession | None = None
        self._ended = True
        self._public: Verdict | None = None
        self._transcript: list[dict[str, Any]] = []

    @property
    def tools(self) -> list[dict[str, Any]]:
        """For ``tools`` of a chat completion."""
        return [spec.function for spec in TOOLS[self.rules.setting]]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begins an attempt.

        Raises:
            ProblemError: ``options["problem"]`` is none of this environment's.
            SandboxUnavailableError: the sandbox cannot work on this machine.
        """
        super().reset(seed=seed)
        problem = self.problems[int(self.np_random.integers(len(self.problems)))]
        wanted = (options or {}).get("problem")
        if wanted is not None:
            found = [candidate for candidate in self.problems if candidate.id == wanted]
            if not found:
                raise ProblemError(f"no problem {wanted!r} here; ids look like {self.problems[0].id!r}")
            problem = found[0]
        if self._backend is None:
            self._backend = Backend(self._sandbox, workers=1)
        self._session = ToolSession(problem, self.rules, self._backend.sandbox, self._backend.judge)
        self._ended = self._invalid = False
        self._turns, self._public, self._end_reason = 0, None, ""
        self._transcript = []
        return self._say(pose(problem, self.rules.setting, self._prompt)), self._info(None)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Makes the calls of one message, in order.

        Raises:
            ResetNeeded: before ``reset``, or after the end.
        """
        if self._ended or self._session is None:
            raise ResetNeeded("this episode has ended: call reset()")
        session = self._session
        self._turns += 1
        self._transcript.append({"role": "assistant", "content": str(action)})
        answers, measured = self._answer(session, action)
        report = session.report
        if report is None and self.rules.setting is Setting.REASONING and measured:
            assert self._backend is not None
            report = self._backend.judge.judge(session.problem, None, self.rules.coverage)
        value = 0.0
        if not measured or (report is not None and report.verdict is None):
            self._end_reason = "infrastructure"
        elif report is not None:
            self._end_reason = "submitted" if session.submitted else "no program"
            value = find_reward("coverage")(report, coverage_level(session.problem, self.rules.coverage)) or 0.0
        elif self._turns == self.rules.max_turns:
            self._end_reason = "turns"
        self._ended = bool(self._end_reason)
        terminated = self._end_reason in ("submitted", "no program")
        return self._say(answers), value, terminated, self._ended and not terminated, self._info(report)

    def render(self) -> str | None:
        """The messages so far, where ``render_mode`` is "ansi"."""
        if self.render_mode != "ansi":
            return None
        return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in self._transcript)

    def close(self) -> None:
        """Ends every process of this environment. Idempotent; ``reset`` begins anew."""
        if self._backend is not None and self._shared is None:
            self._backend.close()
            self._backend = None
        self._session, self._ended = None, True

    def _answer(self, session: ToolSession, action: object) -> tuple[list[dict[str, Any]], bool]:
        """Messages, and whether our machinery worked."""
        answers: list[dict[str, Any]] = []
        try:
            calls = read_action(action)
        except BadCallError as error:
            self._invalid = True
            return [{"role": "user", "content": f"Invalid action: {error}"}], True
        self._invalid = False
        for number, call in enumerate(calls):
            try:
                result = session.call(f"{self._turns}.{number}", call.name, call.arguments)
            except SandboxFailedError:
                return answers, False
            self._invalid = self._invalid or not result.ok
            self._public = result.verdict or self._public
            answers.append({"role": "tool", "tool_call_id": call.id, "content": result.content})
        return answers, True

    def _say(self, messages: list[dict[str, Any]]) -> str:
        self._transcript += messages
        return json.dumps(messages, ensure_ascii=False)

    def _info(self, report: JudgeReport | None) -> dict[str, Any]:
        assert self._session is not None
        verdict = report.verdict if report is not None else None
        return {
            "problem": self._session.problem.id,
            "turns": self._turns,
            "invalid": self._invalid,
            "public_verdict": str(self._public or ""),
            "verdict": str(verdict or ""),
            "failure_kind": str(report.failure_kind or "") if report is not None else "",
            "level_reached": report.level_reached if report is not None else 0,
            "solved": verdict is Verdict.AC,
            "end_reason": self._end_reason,
            "mask": self._end_reason == "infrastructure",
        }


def _rules(
    setting: str, max_turns: int | None, coverage: str | None, feedback: str, limits: Mapping[str, float] | None
) -> Rules:
    if setting not in set(Setting):
        raise EnvsError(f"unknown setting {setting!r}: choose {', '.join(Setting)}")
    if feedback not in set(Feedback):
        raise EnvsError(f"unknown feedback {feedback!r}: choose {', '.join(Feedback)}")
    turns = DEFAULT_TURNS[Setting(setting)] if max_turns is None else max_turns
    if turns < 1 or (setting == Setting.REASONING and turns != 1):
        raise EnvsError(f"max_turns must be 1 for reasoning, at least 1 for the others: not {turns} for {setting}")
    known = {field.name for field in fields(Limits)} - {"steps"}
    unknown = set(limits or {}) - known
    if unknown:
        raise EnvsError(f"unknown limit {min(unknown)!r}: choose {', '.join(sorted(known))}")
    tool_limits = replace(Limits(), **dict(limits or {}))  # type: ignore[arg-type]
    return Rules(Setting(setting), turns, Feedback(feedback), coverage, tool_limits)


def _check(problems: Sequence[Problem], rules: Rules, prompt: str) -> None:
    if prompt not in PROMPTS:
        raise EnvsError(f"unknown prompt {prompt!r}: choose {', '.join(PROMPTS)}")
    if not problems:
        raise ProblemError("no problems were chosen")
    for problem in problems:
        if prompt == "compact" and not problem.prompt:
            raise ProblemError(f"problem {problem.id} has no compact prompt; use prompt='statement'")
        coverage_level(problem, rules.coverage)


if ENV_ID not in gymnasium.registry:
    gymnasium.register(ENV_ID, entry_point="alphadial.envs.gym.coding_env:CodingEnv")
