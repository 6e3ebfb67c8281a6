"""Any program as an agent: it works on the repository in the box, and asks the model through a socket there.

The program is run by a shell in the repository. It finds

- the task in words in the file that ``ALPHADIAL_TASK`` names,
- the model at ``OPENAI_BASE_URL`` with ``OPENAI_API_KEY``, where the image has a Python; and, whether it has or not, at
  the unix socket that ``ALPHADIAL_MODEL_SOCKET`` names: OpenAI's chat completions.

What it leaves in the repository is handed in when it ends. An attempt that was killed runs it again from the beginning,
and questions that it asked before are answered as they were.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from alphadial.agents.agent import command_forwarder
from alphadial.agents.agent.answer_record import AnswerRecord
from alphadial.agents.agent.counted_answers import CountedAnswers, TurnsSpentError
from alphadial.agents.agent.model_endpoint import ModelEndpoint, Question, call_entries, own_listener, said_by_model
from alphadial.agents.agent.transcript import storable
from alphadial.agents.errors import BadAnswerError, OptionError
from alphadial.agents.types import Ask, AttemptSpec, Message, Rollout, ToolCall
from alphadial.envs.checks import LONGEST_NAME
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.raw import readable
from alphadial.envs.tools.session import ToolResult, ToolSession
from alphadial.envs.types import EndReason, FailureKind, JudgeReport, Limits

NAME = "command"
PROGRAM_LIMITS = Limits(cpu_s=3600.0, wall_s=3600.0, output_bytes=16 * 1024 * 1024)
"""What the program and all that it starts may use: an hour of CPU time, an hour of wall time, 16 MiB of output. Memory,
files and processes are limited by the box."""
_SOCKETS = "/sockets"
"""The path of the sockets' folder in the box; see ``Boxes.open``."""
_MODEL, _TASK, _FORWARDER = "model.sock", "task.md", "forward.py"
_RUN = """
if command -v python3 >/dev/null 2>&1; then exec python3 -I "$1" "$ALPHADIAL_MODEL_SOCKET" sh -c "$2"; fi
exec sh -c "$2"
"""
_TRIES = 2
"""How often the program is run before the attempt counts as unmeasurable, where our machinery fails under it."""


class CommandAgent:
    """Implements ``Agent`` for repositories.

    Args:
        named: ``command: PROGRAM``, where PROGRAM is a line for a shell.
        folder: keeps what the model answered, from which an interrupted attempt is resumed; None: nothing is kept.
        limits: of the program.

    Raises:
        OptionError: it names no program, or in more words than a run's configuration holds.
    """

    def __init__(self, named: str, folder: Path | None = None, limits: Limits = PROGRAM_LIMITS) -> None:
        self._command = named.partition(":")[2].strip()
        self._folder, self._limits = folder, limits
        if not self._command:
            raise OptionError(f"--agent {named}: say what is to be run, as in --agent '{NAME}: mini --yolo'")
        if len(named) > LONGEST_NAME or "\0" in named:
            raise OptionError(f"--agent {NAME}: more than {LONGEST_NAME:,} characters: put them into a script")

    async def attempt(self, spec: AttemptSpec, tools: ToolSession, ask: Ask) -> Rollout:
        """See ``Agent``.

        Raises:
            OptionError: the problem is no repository.
            StoreError: the record cannot be read or written.
        """
        if spec.problem.repository is None:
            raise OptionError(f"--agent {NAME} works on repositories, and problem {spec.problem.id} is none")
        record = AnswerRecord(self._folder / spec.id) if self._folder is not None else None
        answers = await asyncio.to_thread(CountedAnswers, spec, ask, record)
        if not answers.awaited:  # what no answer led to would be taken for the work of this attempt
            tools.restart()
        attempt = _Attempt(spec, tools, answers, self._command, self._limits)
        for _ in range(_TRIES):
            answers.rewind()
            try:
                return await attempt.make()
            except SandboxFailedError:
                continue
        return attempt.broken()


class _Attempt:
    """One attempt: the program runs in its box, and its questions are answered meanwhile."""

    def __init__(
        self, spec: AttemptSpec, session: ToolSession, answers: CountedAnswers, command: str, limits: Limits
    ) -> None:
        self._spec, self._session, self._answers = spec, session, answers
        self._command, self._limits = command, limits
        self._spoken: list[Message] = []
        """The conversation of the last question, and what came of it."""
        self._seconds = 0.0

    async def make(self) -> Rollout:
        """What came of the attempt.

        Raises:
            SandboxFailedError: our machinery failed.
        """
        with _sockets(readable(self._spec.problem.statement.rstrip())) as (folder, listener):
            questions: asyncio.Queue[Question] = asyncio.Queue()
            async with ModelEndpoint(questions.put_nowait, listener) as endpoint:
                working = asyncio.create_task(asyncio.to_thread(self._work, folder, endpoint.key))
                asking = asyncio.create_task(self._answer_all(questions))
                try:
                    await asyncio.wait({working, asking}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not working.done():
                        self._session.close()  # which ends the box, and the program in it
                    asking.cancel()
                    await asyncio.gather(working, asking, return_exceptions=True)
        if not asking.cancelled():
            reason, cause = asking.result()
            return await self._unsubmitted(reason, cause)
        return await self._handed_in(working.result())

    def broken(self) -> Rollout:
        """The attempt cannot be measured: our machinery failed under it twice."""
        return self._rollout(JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery"), EndReason.MACHINERY)

    def _work(self, folder: Path, key: str) -> ToolResult:
        env = {
            "OPENAI_API_KEY": key,
            "ALPHADIAL_MODEL_SOCKET": f"{_SOCKETS}/{_MODEL}",
            "ALPHADIAL_TASK": f"{_SOCKETS}/{_TASK}",
        }
        variables = [f"{name}={value}" for name, value in env.items()]
        argv = ["env", *variables, "sh", "-c", _RUN, "sh", f"{_SOCKETS}/{_FORWARDER}", self._command]
        began = perf_counter()
        try:
            return self._session.run_program(self._command, argv, self._limits, folder)
        finally:
            self._seconds += perf_counter() - began

    async def _answer_all(self, questions: asyncio.Queue[Question]) -> tuple[EndReason, str]:
        """Answers until the attempt ends by a question, and says how."""
        while True:
            question = await questions.get()
            self._spoken = list(question.messages)
            try:
                answer = await self._answers.answer(question.messages, question.tools)
            except TurnsSpentError:
                return EndReason.TURNS, "no submission"
            except BadAnswerError as error:
                return EndReason.POLICY, str(error)
            if answer.completion.finish_reason == "context":
                return EndReason.CONTEXT, "no submission"
            self._spoken.append(said_by_model(answer.completion, answer.number))
            question.answer(answer.completion, answer.number, self._spec.request.model)

    async def _handed_in(self, worked: ToolResult) -> Rollout:
        self._note(ToolCall("run_program", self._command), worked)
        if not worked.ok:
            return await self._unsubmitted(EndReason.TURNS, f"the program did not end: {worked.content[-200:]}")
        began = perf_counter()
        result = await asyncio.to_thread(self._session.call, "submit", "submit", "{}")
        self._seconds += perf_counter() - began
        self._note(ToolCall("submit", "{}"), result)
        if self._session.report is None:
            return await self._unsubmitted(EndReason.NO_PROGRAM, result.content)
        return self._rollout(self._session.report, EndReason.SUBMITTED)

    def _note(self, call: ToolCall, result: ToolResult) -> None:
        """Adds a call that the agent itself made, and its result, to the conversation."""
        made = Message(role="assistant", content="", tool_calls=call_entries([(result.call_id, call)]))
        self._spoken += [made, Message(role="tool", content=result.content, tool_call_id=result.call_id)]

    async def _unsubmitted(self, reason: EndReason, cause: str) -> Rollout:
        report = await asyncio.to_thread(self._session.hand_in, None)
        return self._rollout(replace(report, cause=storable(cause)), reason)

    def _rollout(self, report: JudgeReport, reason: EndReason) -> Rollout:
        return self._answers.rollout(self._session, report, reason, self._seconds, self._spoken)


@contextmanager
def _sockets(task: str) -> Iterator[tuple[Path, socket.socket]]:
    """A folder for a box, which holds the task, the forwarder, and a socket that is listened to."""
    with tempfile.TemporaryDirectory(prefix="alphadial-model-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a box's user is another one
        (folder / _TASK).write_text(f"{task}\n", "utf-8")
        (folder / _FORWARDER).write_bytes(Path(str(command_forwarder.__file__)).read_bytes())
        with own_listener(socket.AF_UNIX, str(folder / _MODEL)) as listener:
            (folder / _MODEL).chmod(0o666)
            yield folder, listener
