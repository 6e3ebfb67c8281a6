"""An OpenAI-compatible server that answers every question with one program."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROGRAM = "def f(a, k):\n return 0\n"


@contextmanager
def chat_server(
    fingerprint: Callable[[str], str | None], body: bytes | None = None, text: str = PROGRAM
) -> Iterator[str]:
    """Serves until the end of the block, and gives the address.

    Args:
        fingerprint: of the model of this name.
        body: said instead of a chat completion.
        text: what the model answers.
    """

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # of five, a policy's many connections overflow, and the kernel lets them wait

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer: dict[str, Any] = {
                "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 9},
                "system_fingerprint": fingerprint(asked["model"]),
            }
            content = json.dumps(answer).encode() if body is None else body
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
