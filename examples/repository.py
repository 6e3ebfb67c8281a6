"""A model works on a code base: it looks around, mends, runs the public tests and hands in what became a patch.

    python examples/repository.py                 # in folders under bubblewrap: no Docker, and no root
    python examples/repository.py --box docker    # the same in containers, after alphadial images build --box docker

The model is a script behind a server, which answers as any OpenAI-compatible server does; ``--server URL --model NAME``
takes a real one.
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from alphadial.agents import RunOptions, RuntimeConfig, attempt_problems, load_attempts
from alphadial.envs import Setting

FILE = "src/slotbook/spans.py"
CALLS: tuple[tuple[str, dict[str, str]], ...] = (  # what it does, one call an answer
    ("shell", {"command": "git log --oneline; ls -R src; python3 -m pytest -q 2>&1 | tail -3"}),
    ("view", {"path": FILE}),
    ("edit", {"path": FILE, "old": "(merged[-1][0], end)", "new": "(merged[-1][0], max(merged[-1][1], end))"}),
    (
        "edit",
        {
            "path": FILE,
            "old": "        if start >",
            "new": "        if start >= closing:\n            break\n        if start >",
        },
    ),
    ("edit", {"path": FILE, "old": "        at = end", "new": "        at = max(at, end)"}),
    ("run_tests", {}),
    ("submit", {}),
)


class Scripted(BaseHTTPRequestHandler):
    """Answers a chat with the next of ``CALLS``."""

    def do_POST(self) -> None:
        """One answer."""
        messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        done = sum(message["role"] == "assistant" for message in messages)
        name, arguments = CALLS[min(done, len(CALLS) - 1)]
        call = {"id": f"call{done}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        answer = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def main() -> None:
    """Makes one attempt on a shipped task, and tells what became of it."""
    parser = argparse.ArgumentParser()
    for name, value in (("box", "rootfs"), ("server", ""), ("model", "scripted"), ("out", "runs/repository")):
        parser.add_argument(f"--{name}", default=value)
    asked = parser.parse_args()
    script = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=script.serve_forever, daemon=True).start()
    server = asked.server or f"http://127.0.0.1:{script.server_port}"
    options = RunOptions(
        model=asked.model,
        problem_set="repositories",
        problems=["fix-busy-times"],
        setting=Setting.AGENTIC,
        attempts=1,
    )
    runtime = RuntimeConfig(server=server, unverified_weights=True, box=asked.box)
    finished = attempt_problems(options, Path(asked.out), runtime, notify=print)
    for attempt in load_attempts(finished.folder):
        print(attempt["program"])
        print(f"{attempt['problem']}: {attempt['verdict']}, level {attempt['level_reached']} reached")
    print(f"alphadial report {finished.folder}")


if __name__ == "__main__":
    main()
