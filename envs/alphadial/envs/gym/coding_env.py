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
from alphadial.envs.gym.messages import MAX_ACTION_BYTES, Action, read_action
from alphadial.envs.gym.spaces import Utf8
from alphadial.envs.judging import Reward, coverage_level, find_reward
from alphadial.envs.judging.preparing import prepare
from alphadial.envs.judging.rewards import rewarded
from alphadial.envs.languages import find_language
from alphadial.envs.problems import Source, load_split
from alphadial.envs.tools.answers import allowed_languages, one_file, read_submission
from alphadial.envs.tools.posing import pose
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.tools.specs import LEFT_OUT, NO_CALL, BadCallError
from alphadial.envs.types import (
    DEFAULT_TURNS,
    TOOL_LIMITS,
    EndReason,
    Feedback,
    JudgeReport,
    Limits,
    Problem,
    Rules,
    Setting,
    Submission,
    Verdict,
)

ENV_ID = "alphadial/Coding-v0"
MAX_OBSERVATION_BYTES = 1 << 22
PROMPTS = ("statement", "compact")
"""How a problem may be posed: in words with examples, or as ``Problem.prompt`` alone, which is answered by the bare
text of a program."""


class CodingEnv(OfOneProcess, gymnasium.Env[str, str | dict[str, Any]]):
    """Solve one problem by writing a program.

    ## Action Space
    ``Utf8``: the JSON of one assistant message in the form of OpenAI's chat completions, ``{"role": "assistant",
    "content": ..., "tool_calls": [{"id", "type": "function", "function": {"name", "arguments"}}]}``; ``tool_call``
    writes one. The message itself, as a dict, is taken too, and any other text as the content of one. In the setting
    ``reasoning`` the content is an answer, whose last code block is the program; in the others a message has to call a
    tool. A message that does not, or that is malformed, costs a turn, and is told what is wrong.

    ## Observation Space
    ``Utf8``: the JSON of the list of messages since the last action. At first those that pose the problem, then one of
    role ``tool`` for each call in order, and one of role ``user`` where something is to be said beside.

    ## Rewards
    At the end, by ``reward``: 1 if the submitted program passes every test of ``coverage``, else 0. Speed never pays
    for a wrong program.

    ## Starting State
    A problem drawn by the seed, or ``options={"problem": ID}``.

    ## Episode End
    Terminated by a submission; in the setting ``reasoning`` by the first action, whatever it is. Truncated when
    ``max_turns`` actions have not submitted, or when our machinery failed.

    ## Information
    ``problem``, ``verdict``, ``failure_kind`` (of the submission), ``cause`` (of its verdict), ``language`` (of the
    program), ``public_verdict`` (the last one seen) and ``end_reason``: str, "" where there is none yet. ``end_reason``
    is "submitted", "no program" (reasoning only), "turns" or "machinery". ``level_reached``, ``turns``: int.
    ``solved``, ``invalid`` (the last action), ``measured``: bool; leave an episode without ``measured`` out of
    learning: our machinery failed on it, and its reward 0 says nothing. ``tools``: the tools that can be called, for
    ``tools`` of a chat completion.

    ## Arguments
    ``problem_set`` (whatever ``load_split`` takes: a name, a path, ``module:Class``, or problems), ``split`` (None: the
    training split of tiny-problems, all problems of any other set), ``problems`` (ids; None: all that can be posed;
    ``left_out`` tells why others cannot), ``setting``, ``max_turns`` (None: ``DEFAULT_TURNS``), ``language`` (None: the
    policy chooses), ``coverage`` (a name in ``Problem.coverages``; None: all levels), ``reward`` ("coverage", "dense",
    "collapsed", or a function of report and coverage level), ``feedback``, ``prompt`` ("statement" or "compact"),
    ``sandbox``, ``box`` (where repositories are worked on: "rootfs" or "docker"), ``limits`` (fields of ``Limits`` for
    one tool call), ``backend`` (None: one of its own).

    On a repository the workspace is the repository, and the program is a patch: in the setting ``agentic`` what the
    workspace has become, elsewhere a text, in the setting ``reasoning`` a code block that is tagged diff.

    Raises:
        ProblemError: an unknown problem set, split, problem, language, coverage or reward, or no problem can be posed.
        EnvsError: an argument that is none of its choices.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        problem_set: Source = "tiny-problems",
        split: str | None = None,
        problems: Sequence[str] | None = None,
        setting: str = "tools",
        max_turns: int | None = None,
        language: str | None = None,
        coverage: str | None = None,
        reward: str | Reward = "coverage",
        feedback: str = "public",
        prompt: str = "statement",
        sandbox: str = "bubblewrap",
        box: str = "rootfs",
        limits: Mapping[str, float] | None = None,
        backend: Backend | None = None,
        render_mode: str | None = None,
    ) -> None:
        if prompt not in PROMPTS:
            raise EnvsError(f"unknown prompt {prompt!r}: choose {', '.join(PROMPTS)}")
        self.rules = _rules(setting, max_turns, language, coverage, feedback, limits)
        self.render_mode, self._prompt, self._reward = render_mode, prompt, find_reward(reward)
        in_tiny = isinstance(problem_set, str) and problem_set == "tiny-problems"
        self._split = load_split(problem_set, "train" if in_tiny and split is None else split)
        chosen = self._split.problems if problems is None else self._split.select(problems)
        self.left_out = self._left_out(chosen)
        """Id of each problem that cannot be attempted, and why."""
        self.problems = tuple(problem for problem in chosen if problem.id not in self.left_out)
        if not self.problems or (problems is not None and self.left_out):
            raise ProblemError(next(iter(self.left_out.values()), "no problems were chosen"))
        self._sandbox, self._shared, self._backend = sandbox, backend, backend
        self._box = box
        self.action_space = Utf8(MAX_ACTION_BYTES)
        self.observation_space = Utf8(MAX_OBSERVATION_BYTES)
        self._session: ToolSession | None = None
        self._ready: dict[str, Problem] = {}
        self._ended = True
        self._public: Verdict | None = None
        self._end_reason: EndReason | None = None
        self._transcript: list[dict[str, Any]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begins an attempt.

        Raises:
            ProblemError: ``options["problem"]`` is none of this environment's, or no problem can be made ready.
            SandboxUnavailableError: the sandbox cannot work on this machine.
        """
        super().reset(seed=seed)
        if self._backend is None:
            self._backend = Backend(self._sandbox, 1, self._box)
        problem = self._choose(self._backend, (options or {}).get("problem"))
        if self._session is not None:
            self._session.close()
        self._session = ToolSession(problem, self.rules, self._backend.sandbox, self._backend.judge)
        self._ended = self._invalid = False
        self._turns, self._public, self._end_reason = 0, None, None
        self._transcript = []
        return self._say([{"role": "user", "content": self._pose(problem)}]), self._info(None)

    def step(self, action: str | dict[str, Any]) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Makes the calls of one message, in order, or hands in the program of its content.

        Raises:
            RewardError: the reward is a function that raised, or gave what is no finite number.
            ResetNeeded: before ``reset``, or after the end.
        """
        if self._ended or self._session is None:
            raise ResetNeeded("this episode has ended: call reset()")
        session = self._session
        self._turns += 1
        self._transcript.append({"role": "assistant", "content": _shown(action)})
        try:
            answers, report = self._answer(session, action)
        except SandboxFailedError:
            answers, report, self._end_reason = [], None, EndReason.MACHINERY
        value = 0.0
        if report is not None and report.verdict is None:
            self._end_reason = EndReason.MACHINERY
        elif report is not None:
            self._end_reason = EndReason.SUBMITTED if session.submitted else EndReason.NO_PROGRAM
            level = coverage_level(session.problem, self.rules.coverage)
            value = rewarded(self._reward, report, level) or 0.0
        elif not self._end_reason and self._turns == self.rules.max_turns:
            self._end_reason = EndReason.TURNS
        self._ended = self._end_reason is not None
        terminated = self._end_reason in (EndReason.SUBMITTED, EndReason.NO_PROGRAM)
        return self._say(answers), value, terminated, self._ended and not terminated, self._info(report)

    def render(self) -> str | None:
        """The messages so far, where ``render_mode`` is "ansi"."""
        if self.render_mode != "ansi":
            return None
        return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in self._transcript)

    def close(self) -> None:
        """Ends every process of this environment. Idempotent; ``reset`` begins anew."""
        if self._session is not None:
            self._session.close()
        if self._backend is not None and self._shared is None:
            self._backend.close()
            self._backend = None
        self._session, self._ended = None, True

    def _answer(self, session: ToolSession, action: object) -> tuple[list[dict[str, Any]], JudgeReport | None]:
        """Messages, and the report where this action ends the attempt."""
        try:
            message = read_action(action)
        except BadCallError as error:
            self._invalid = True
            answers, message = [{"role": "user", "content": f"Invalid action: {error}"}], Action("")
        else:
            self._invalid = not message.calls
            answers = self._call(session, message)
        if self.rules.setting is not Setting.REASONING or session.submitted:
            return answers, session.report
        submission = self._read(session.problem, message.content) if not message.calls else None
        self._invalid = self._invalid and submission is None
        return answers, session.hand_in(submission)

    def _choose(self, backend: Backend, wanted: object) -> Problem:
        """The problem that is wanted, or one drawn by the seed: the next one, where that cannot be made ready."""
        if wanted is not None:
            found = [candidate for candidate in self.problems if candidate.id == wanted]
            if not found:
                raise ProblemError(f"no problem {wanted!r} here; ids look like {self.problems[0].id!r}")
            return self._prepared(backend, found[0])
        drawn = int(self.np_random.integers(len(self.problems)))
        for problem in (*self.problems[drawn:], *self.problems[:drawn]):
            try:
                if problem.id not in self.left_out:
                    return self._prepared(backend, problem)
            except ProblemError as error:
                self.left_out[problem.id] = str(error)
        raise ProblemError(next(iter(self.left_out.values())))

    def _prepared(self, backend: Backend, problem: Problem) -> Problem:
        """The problem with its tests, its limit and its languages; making them can take long, the first time."""
        if problem.id not in self._ready:
            found = prepare(self._split, backend.judge, ids=[problem.id]).problems[0]
            coverage_level(found, self.rules.coverage)
            self._ready[problem.id] = found
        return self._ready[problem.id]

    def _call(self, session: ToolSession, message: Action) -> list[dict[str, Any]]:
        answers = []
        for number, call in enumerate(message.calls):
            result = session.call(f"{self._turns}.{number}", call.name, call.arguments)
            self._invalid = self._invalid or not result.ok
            self._public = result.verdict or self._public
            answers.append({"role": "tool", "tool_call_id": call.id, "content": result.content})
        if message.more_calls:
            answers.append({"role": "user", "content": LEFT_OUT})
        if not message.calls and self.rules.setting is not Setting.REASONING:
            answers.append({"role": "user", "content": NO_CALL})
        return answers

    def _read(self, problem: Problem, text: str) -> Submission | None:
        if self._prompt == "statement":
            return read_submission(text, problem, self.rules.language)
        return one_file(text, allowed_languages(problem, self.rules.language)[0]) if text.strip() else None

    def _pose(self, problem: Problem) -> str:
        if self._prompt == "statement":
            return pose(problem, self.rules.setting, self.rules.language)
        if not problem.prompt:
            raise ProblemError(f"problem {problem.id} has no compact prompt; use prompt='statement'")
        return problem.prompt

    def _left_out(self, problems: Sequence[Problem]) -> dict[str, str]:
        why: dict[str, str] = {}
        for problem in problems:
            try:
                self._pose(problem)
                if problem.tests:  # else they are yet to be made
                    coverage_level(problem, self.rules.coverage)
            except ProblemError as error:
                why[problem.id] = str(error)
        return why

    def _say(self, messages: list[dict[str, Any]]) -> str:
        self._transcript += messages
        return json.dumps(messages, ensure_ascii=False)

    def _info(self, report: JudgeReport | None) -> dict[str, Any]:
        assert self._session is not None
        verdict = report.verdict if report is not None else None
        submission = self._session.submission
        return {
            "problem": self._session.problem.id,
            "turns": self._turns,
            "invalid": self._invalid,
            "public_verdict": str(self._public or ""),
            "verdict": str(verdict or ""),
            "failure_kind": str(report.failure_kind or "") if report is not None else "",
            "cause": str(report.cause) if report is not None else "",
            "language": submission.language if submission is not None else "",
            "level_reached": report.level_reached if report is not None else 0,
            "solved": verdict is Verdict.AC,
            "end_reason": str(self._end_reason or ""),
            "measured": self._end_reason is not EndReason.MACHINERY,
            "tools": [spec.function for spec in self._session.specs],
        }


def _shown(action: object) -> str:
    return json.dumps(action, ensure_ascii=False, default=str) if isinstance(action, dict) else str(action)


def _rules(
    setting: str,
    max_turns: int | None,
    language: str | None,
    coverage: str | None,
    feedback: str,
    limits: Mapping[str, float] | None,
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
    tool_limits = replace(TOOL_LIMITS, **dict(limits)) if limits else None  # type: ignore[arg-type]
    named = None if language is None else find_language(language).name
    return Rules(Setting(setting), turns, Feedback(feedback), coverage, tool_limits, named)


if ENV_ID not in gymnasium.registry:
    gymnasium.register(ENV_ID, entry_point="alphadial.envs.gym.coding_env:CodingEnv")
