"""Drives attempts by the OpenHands SDK. It is run by a Python that has the SDK, and knows nothing of alphadial.

The process imports the SDK once, which takes seconds, and forks for every attempt. Its stdin is a socket: it says which
SDK it has, then is handed one end of a channel for each attempt. Over a channel go JSON lines: how the attempt begins,
each call of a tool, and its result. When the other end of a channel or of stdin is closed, the process behind it ends
at once, so that none outlives the program that began it.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

_FOREVER = 10**9
"""Stands for limits that are not the SDK's to set: the endpoint counts."""


class Channel:
    """One end of an attempt's channel; the process ends when the other end is closed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    self._lines.put(json.loads(line))
        finally:  # closed, or reset: the other end was killed before it read all that was said
            os._exit(0)

    def receive(self) -> Any:
        """What is said next."""
        return self._lines.get()

    def send(self, said: dict[str, Any]) -> None:
        """Says something; without anybody to hear it, the process ends."""
        try:
            self._connection.sendall(json.dumps(said).encode() + b"\n")
        except OSError:
            os._exit(0)


class CallIds:
    """The ids of calls by the actions that the SDK makes of them: a tool is told the action alone."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def note(self, event: Any) -> None:
        """Hears of every event of the conversation, before it is acted on."""
        from openhands.sdk.event import ActionEvent

        if isinstance(event, ActionEvent):
            self._events.append(event)

    def of(self, action: Any) -> str:
        """The id of the call that an action stands for."""
        found: str = next(event.tool_call_id for event in self._events if event.action is action)
        return found


def converse(channel: Channel) -> None:
    """Makes one attempt: the conversation goes on until the other end of the channel is closed."""
    begin = channel.receive()
    ids = CallIds()

    def call(name: str, action: Any) -> str:
        channel.send({"call": ids.of(action), "name": name, "arguments": action.arguments})
        content: str = channel.receive()["content"]
        return content

    try:
        conversation = _conversation(begin, call, ids.note)
        while True:
            conversation.send_message(begin["message"])
            conversation.run()
            channel.send({"idle": True})
            begin = channel.receive()
    except Exception as error:  # the SDK's, whatever they are: they are told, and the attempt ends by them
        channel.send({"error": f"{type(error).__name__}: {error}"})


def _conversation(begin: dict[str, Any], call: Callable[[str, Any], str], note: Any) -> Any:
    from openhands.sdk import LLM, Agent, LocalConversation
    from openhands.sdk.tool import Tool

    _offer(begin["tools"], call)
    model = LLM(
        model=f"openai/{begin['model']}",
        base_url=begin["url"],
        api_key=begin["key"],
        usage_id="agent",
        litellm_extra_body={"alphadial": {"attempt": begin["attempt"]}},
        api_mode="chat",
        native_tool_calling=True,
        disable_vision=True,
        caching_prompt=False,
        reasoning_effort=None,
        num_retries=0,
        timeout=_FOREVER,
        max_message_chars=_FOREVER,
        input_cost_per_token=0,
        output_cost_per_token=0,
    )
    agent = Agent(llm=model, tools=[Tool(name="alphadial")], include_default_tools=[], system_prompt=begin["system"])
    return LocalConversation(
        agent,
        workspace=os.environ["HOME"],
        visualizer=None,
        callbacks=[note],
        stuck_detection=False,
        max_iteration_per_run=_FOREVER,
        delete_on_close=False,
    )


def _offer(functions: list[dict[str, Any]], call: Callable[[str, Any], str]) -> None:
    """Registers tools that pass every call on; the model sees them as they are given here."""
    from openhands.sdk.tool import Action, Observation, ToolDefinition, ToolExecutor, register_tool

    class Call(Action):  # type: ignore[misc]
        arguments: dict[str, Any]

    class Said(Observation):  # type: ignore[misc]
        pass

    class PassOn(ToolExecutor):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._name = name

        def __call__(self, action: Any, conversation: Any = None) -> Any:
            try:
                content = call(self._name, action)
            except BaseException:  # which the SDK would tell the model as if a tool had said it
                os._exit(1)
            return Said.from_text(content)  # as an error it would get words of the SDK's

    class PassedOn(ToolDefinition):  # type: ignore[misc]
        @classmethod
        def create(cls, conv_state: Any = None, **parameters: Any) -> Any:
            return offered

        def to_openai_tool(self, *given: Any, **options: Any) -> Any:
            return by_name[self.name]

        def action_from_arguments(self, arguments: dict[str, Any]) -> Any:
            return Call(arguments=arguments)

    by_name = {function["function"]["name"]: function for function in functions}
    offered = [
        type(f"PassedOn{number}", (PassedOn,), {"name": name})(
            description=name, action_type=Call, observation_type=Said, executor=PassOn(name)
        )
        for number, name in enumerate(by_name)
    ]
    register_tool("alphadial", PassedOn)


def serve(control: socket.socket) -> None:
    """Forks for every channel that is handed over, until stdin is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an attempt's process ended
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared
    while True:
        said, handed, _, _ = socket.recv_fds(control, 1, 1)
        if not said:
            return
        if os.fork() == 0:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                control.close()
                converse(Channel(socket.socket(fileno=handed[0])))
            finally:
                os._exit(1)
        os.close(handed[0])


def main() -> None:
    """Says which SDK there is, or why there is none, and serves."""
    control = socket.socket(fileno=os.dup(0))
    home = tempfile.mkdtemp(prefix="alphadial-openhands-")
    os.environ |= {
        "HOME": home,  # where the SDK looks for settings of a user, and finds none
        "OH_PERSISTENCE_DIR": home,
        "OPENHANDS_SUPPRESS_BANNER": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it asks the network for prices
        "LOG_LEVEL": "CRITICAL",
    }
    try:
        from importlib.metadata import version

        import openai.resources  # noqa: F401  # which the first question would load, in every fork
        import openhands.sdk.event
        import openhands.sdk.tool  # noqa: F401

        told = {"version": version("openhands-sdk")}
    except ImportError as error:
        told = {"error": str(error)}
    try:
        control.sendall(json.dumps(told).encode() + b"\n")
        if "version" in told:
            serve(control)
    except BrokenPipeError:
        pass
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
    sys.exit()
