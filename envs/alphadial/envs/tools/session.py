"""What a policy can do within an attempt, for every agent and environment.

Calls are journaled by (episode, call id): one that is in the journal is answered from it and not run again, and one
that was cut short has changed nothing and runs again from the workspace before it. Calls of one answer must be made
one after another, in their order.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from alphadial.envs.closing import Closing
from alphadial.envs.errors import ImageError, NoCompilerError, ProblemError, SandboxFailedError, WorkspaceError
from alphadial.envs.forking import in_child
from alphadial.envs.judging import Judge
from alphadial.envs.languages import by_tag
from alphadial.envs.sandbox import Sandbox, Workspace, WorkspaceRun
from alphadial.envs.sandbox.boxes.box import BoxLimits
from alphadial.envs.sandbox.guest.folder import MAX_BYTES, MAX_FILES
from alphadial.envs.tools import text as tool_text
from alphadial.envs.tools.answers import (
    allowed_languages,
    changes_submission,
    one_file,
    why_not_allowed,
    workspace_submission,
)
from alphadial.envs.tools.box_commands import BoxCommands, command_limits, first_tree, without_history
from alphadial.envs.tools.catalogue import tool_specs
from alphadial.envs.tools.file_tools import edit, view
from alphadial.envs.tools.journal import Entry, Journal, MemoryJournal
from alphadial.envs.tools.posing import task_files
from alphadial.envs.tools.specs import MAX_STORED_BYTES, TOO_LONG, BadCallError, BadTextError, storable, why_no_text
from alphadial.envs.types import (
    FailureKind,
    Feedback,
    JudgeReport,
    Limits,
    Problem,
    PublicResult,
    Rules,
    Setting,
    Submission,
    Verdict,
)

MIN_FILES_BYTES = 2 * MAX_BYTES + 4096 * MAX_FILES
"""The least ``files_bytes`` of commands in a workspace: the next one's sandbox has room for all that one leaves."""
PROGRAM = "run_program"
"""The name under which the call of a program that works by itself is journaled."""
_SHELL = ("sh", "-c", 'exec "$@" 2>&1', "sh", "bash", "-c")
"""Runs a command by bash, with stdout and stderr in the order in which they were written."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to one call."""

    call_id: str
    name: str
    content: str
    """Text for the policy, at most some 8,000 characters."""
    ok: bool
    """False where the call could not be made as it was: ``content`` says why."""
    ended: bool
    """The attempt is over: no further call will be run."""
    verdict: Verdict | None = None
    """What run_tests found: the first public failure or AC; or the judge's verdict, where that is the feedback."""


class ToolSession(Closing):
    """The tools of one attempt. ``call`` is thread-safe and runs one call at a time.

    On a repository the workspace is the repository, commands run in a box, and what is handed in is a patch: what the
    workspace has become, beside what it was.

    Args:
        problem: of any interface; ``posing.task_files`` says what an agentic workspace holds at first.
        rules: setting, language, feedback, coverage and the limits of a command.
        sandbox: for commands; used in the agentic setting alone.
        judge: for tests and the submission; in its boxes run the commands of an attempt on a repository.
        journal: None keeps one that ends with the session.
        episode: names the attempt within the journal.

    Raises:
        ProblemError: the problem does not allow the language of the rules, or is a repository and there are no boxes.
        JournalError: the journal cannot be read.
        WorkspaceError: the problem's files cannot be a workspace, or ``files_bytes`` has no room for every workspace.
    """

    def __init__(
        self,
        problem: Problem,
        rules: Rules,
        sandbox: Sandbox,
        judge: Judge,
        *,
        journal: Journal | None = None,
        episode: str = "",
    ) -> None:
        self.problem, self.rules, self.episode = problem, rules, episode
        self.limits = command_limits(problem, rules)
        """What one command may use."""
        if rules.setting is Setting.AGENTIC and self.limits.files_bytes < MIN_FILES_BYTES:
            raise WorkspaceError(f"tool_limits.files_bytes must be at least {MIN_FILES_BYTES:,}")
        self._allowed = allowed_languages(problem, rules.language)
        self.specs = tool_specs(rules.setting, problem, rules.language)
        """The tools of this attempt."""
        self._sandbox, self._judge = sandbox, judge
        self._boxed = problem.repository is not None and rules.setting is Setting.AGENTIC
        self._first = self._begins_with()
        self.workspace = self._first
        """The workspace as the last call left it."""
        self.report: JudgeReport | None = None
        """The judge's report on the submission; None before it."""
        self.submission: Submission | None = None
        """What was submitted; None before it, and where it was no text that a program could be."""
        self.judge_s = 0.0
        """Wall seconds that judging the submission took; 0 where it came from the journal."""
        self._journal = journal if journal is not None else MemoryJournal()
        self._begin_process()
        in_child(self, ToolSession._begin_process)
        self._entries: dict[str, Entry] = {}
        for entry in self._journal.entries(episode):
            self._note(entry)
        self._commands = self._open_commands()

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    def _begins_with(self) -> Workspace:
        problem = self.problem
        if problem.repository is not None and self._boxed:
            if self._judge.boxes is None:
                raise ProblemError(f"problem {problem.id} is a repository: give the judge boxes to work on it in")
            return first_tree(self._judge.boxes, problem.repository)
        return Workspace.of(task_files(problem, self.rules.language) if self.rules.setting is Setting.AGENTIC else {})

    def _open_commands(self, sockets: Path | None = None) -> Sandbox | BoxCommands:
        """What commands run in, by a method of one form; a box is not opened before the first of them."""
        repository, limits = self.problem.repository, self.limits
        if repository is None or not self._boxed:
            return self._sandbox
        assert self._judge.boxes is not None
        begun = any(entry.name == "shell" and entry.ok for entry in self._entries.values())
        box_limits = BoxLimits(limits.memory_bytes, limits.processes, limits.files_bytes)
        return BoxCommands(self._judge.boxes, repository, self._first, box_limits, begun=begun, sockets=sockets)

    @property
    def digest(self) -> str:
        """What tells the workspace from others, a repository's history aside; "" where it holds nothing."""
        return without_history(self.workspace).digest if self.workspace.files else ""

    @property
    def submitted(self) -> bool:
        """The attempt has ended by a submission."""
        return self.report is not None

    def call(self, call_id: str, name: str, arguments: str | Mapping[str, object]) -> ToolResult:
        """Makes one call. Whatever the policy does wrong is a result.

        Args:
            call_id: unique within the episode; the same id and arguments return the same result.
            name: of a tool of the setting.
            arguments: an object or its JSON text.

        Raises:
            SandboxFailedError: our machinery failed twice, or the repository's image is gone; nothing is journaled and
                the call can be made again.
            SandboxUnavailableError: boxes are not to be had any more; likewise.
            JournalError: the result could not be journaled.
        """
        given = storable(arguments)
        call_id, name = storable(call_id), storable(name)
        with self._lock:
            known = self._entries.get(call_id)
            if known is not None:
                if (known.name, known.arguments) != (name, given):
                    return ToolResult(call_id, name, "this call id was used before", False, self.submitted)
                return _result(known)
            if self.submitted:
                return ToolResult(call_id, name, "the attempt is over: nothing was run", False, True)
            entry = self._run(Entry(call_id, name, given, "", True, False, self.workspace), arguments)
            self._journal.append(self.episode, entry)
            self._note(entry)
            return _result(entry)

    def run_program(self, command: str, argv: Sequence[str], limits: Limits, sockets: Path) -> ToolResult:
        """Runs a program that works on the repository by itself, in place of a policy's calls: one call, which is
        journaled when the program has ended.

        Args:
            command: what is run, as it is journaled.
            argv: what is run, with all that differs from one process to the next.
            limits: time and output; the rest is the box's.
            sockets: see ``Boxes.open``.

        Raises:
            SandboxFailedError: our machinery failed, or the session was closed meanwhile; nothing is journaled.
            JournalError: the result could not be journaled.
        """
        with self._lock:
            known = self._entries.get(PROGRAM)
            if known is not None:
                return _result(known)
            self._commands = self._open_commands(sockets)
            try:
                run = self._commands.run_in(
                    self.workspace, argv, replace(limits, memory_bytes=self.limits.memory_bytes)
                )
            except ImageError as error:
                raise SandboxFailedError(str(error)) from error
            content = tool_text.command_text(run, limits)
            ended = run.result.killed_by is None
            entry = Entry(PROGRAM, PROGRAM, storable(command), content, ended, False, run.workspace)
            self._journal.append(self.episode, entry)
            self._note(entry)
            return _result(entry)

    def hand_in(self, submission: Submission | None) -> JudgeReport:
        """Judges what an agent read from an answer, where the policy calls no tools. It is not journaled.

        Args:
            submission: None for an attempt that brought none.
        """
        began = monotonic()
        if submission is None:
            report = self._judge.judge(self.problem, None, self.rules.coverage)
        else:
            report = self._report(submission)
            self.report, self.submission = report, submission
        self.judge_s = monotonic() - began
        return report

    def arguments(self, submission: Submission) -> str:
        """The arguments, in JSON, by which ``run_tests`` and ``submit`` are given a program of one file."""
        given = {"program": submission.source}
        if self._allowed != (submission.language,):
            given["language"] = submission.language
        return json.dumps(given)

    def restart(self) -> None:
        """Drops what an earlier process did in this attempt, for an agent that begins anew.

        Raises:
            JournalError: the journal cannot be written.
        """
        with self._lock:
            if self._entries:
                self._journal.forget(self.episode)
                self._entries.clear()
                self.workspace, self.report, self.submission = self._first, None, None
                self.close()
                self._commands = self._open_commands()

    def close(self) -> None:
        """Ends the box of an attempt on a repository, if there is one, though a command runs in it. Idempotent."""
        if isinstance(self._commands, BoxCommands):
            self._commands.close()

    def _note(self, entry: Entry) -> None:
        self._entries[entry.call_id] = entry
        self.workspace = entry.workspace
        if entry.report is not None:
            self.report, self.submission = entry.report, self._submitted(entry)

    def _submitted(self, entry: Entry) -> Submission | None:
        try:
            return self._submission(self._read(entry, entry.arguments))
        except BadCallError:
            return None

    def _run(self, entry: Entry, arguments: str | Mapping[str, object]) -> Entry:
        try:
            given = self._read(entry, arguments)
            tool: Callable[[Entry, dict[str, Any]], Entry] = getattr(self, f"_{entry.name}")
            return tool(entry, given)
        except ImageError as error:
            raise SandboxFailedError(str(error)) from error
        except (BadCallError, WorkspaceError) as error:
            said = tool_text.shorten(tool_text.clean(str(error)))
            if entry.name == "submit" and isinstance(error, BadTextError):
                return _handed_in(entry, _no_program(said))
            return replace(entry, content=said, ok=False)

    def _read(self, entry: Entry, arguments: str | Mapping[str, object]) -> dict[str, Any]:
        spec = next((spec for spec in self.specs if spec.name == entry.name), None)
        if spec is None:
            names = ", ".join(spec.name for spec in self.specs)
            raise BadCallError(f"there is no tool {entry.name[:100]!r}; the tools are: {names}")
        if entry.arguments.startswith(TOO_LONG):
            raise BadTextError(f"the arguments are longer than {MAX_STORED_BYTES:,} bytes")
        return spec.read(arguments)

    def _shell(self, entry: Entry, given: dict[str, Any]) -> Entry:
        run = self._command(given["command"])
        if isinstance(run, SandboxFailedError):
            run = self._command(given["command"])
        if not isinstance(run, SandboxFailedError):
            content = tool_text.command_text(run, self.limits)
            return replace(entry, content=content, workspace=run.workspace)
        if isinstance(self._command("true"), SandboxFailedError):
            raise run
        # Twice with this command, and not without it: no policy is to hide by breaking the machinery.
        return replace(entry, content="the command broke the sandbox: nothing was changed", ok=False)

    def _command(self, command: str) -> WorkspaceRun | SandboxFailedError:
        try:
            return self._commands.run_in(self.workspace, [*_SHELL, command], self.limits)
        except SandboxFailedError as error:
            return error

    def _view(self, entry: Entry, given: dict[str, Any]) -> Entry:
        return replace(entry, content=view(self.workspace, **given))

    def _edit(self, entry: Entry, given: dict[str, Any]) -> Entry:
        workspace, done = edit(self.workspace, **given)
        return replace(entry, content=done, workspace=workspace)

    def _run_tests(self, entry: Entry, given: dict[str, Any]) -> Entry:
        submission = self._submission(given)
        if self.rules.feedback is Feedback.JUDGE:
            report = self._report(submission)
            if report.verdict is None:
                raise SandboxFailedError("the judge could not measure the program")
            return replace(entry, content=tool_text.verdict_text(report), verdict=report.verdict)
        results = self._public(submission)
        failed = (result.verdict for result in results if result.verdict is not Verdict.AC)
        return replace(entry, content=tool_text.public_text(self.problem, results), verdict=next(failed, Verdict.AC))

    def _submit(self, entry: Entry, given: dict[str, Any]) -> Entry:
        submission = self._submission(given)
        if isinstance(self._commands, BoxCommands):
            self._commands.drop()  # the judge opens boxes of its own
        began = monotonic()
        report = self._report(submission)
        self.judge_s = monotonic() - began
        return _handed_in(entry, report)

    def _public(self, submission: Submission) -> tuple[PublicResult, ...]:
        refused = why_not_allowed(self.problem, submission, self.rules.language)
        if refused:
            raise BadCallError(refused)
        try:
            return self._judge.run_public(self.problem, submission)
        except NoCompilerError as error:
            raise self._refusal(error) from None

    def _report(self, submission: Submission) -> JudgeReport:
        refused = why_not_allowed(self.problem, submission, self.rules.language) or (
            why_no_text(submission.source) if self.problem.repository is None else ""
        )
        if refused:
            return _no_program(refused)
        try:
            return self._judge.judge(self.problem, submission, self.rules.coverage)
        except NoCompilerError as error:
            return _no_program(str(self._refusal(error)))

    def _refusal(self, error: NoCompilerError) -> BadCallError:
        """What a policy is told that chose a language which this machine lacks; where the rules chose it, they err."""
        if self.rules.language is not None:
            raise error
        return BadCallError(str(error))

    def _submission(self, given: dict[str, Any]) -> Submission:
        if self._boxed:
            return changes_submission(self._first, self.workspace)
        if self.problem.repository is not None:
            return Submission.patch(given["program"])
        if self.rules.setting is Setting.AGENTIC:
            return workspace_submission(self.workspace, self.problem, self.rules.language)
        named = given.get("language", self._allowed[0])
        known = by_tag(named)
        return one_file(given["program"], known.name if known is not None else named)


def _handed_in(entry: Entry, report: JudgeReport) -> Entry:
    return replace(entry, content="submitted", ended=True, report=report)


def _no_program(cause: str) -> JudgeReport:
    return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, cause, public_verdict=Verdict.CE)


def _result(entry: Entry) -> ToolResult:
    return ToolResult(entry.call_id, entry.name, entry.content, entry.ok, entry.ended, entry.verdict)
