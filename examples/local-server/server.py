"""A server that speaks OpenAI's protocol and echoes the last message: `SERVER_KEY=… python server.py FD NAME`.

It stands in for vLLM, Ollama or llama.cpp, so that the example needs no model and no GPU. FD is a listening socket.
"""

from __future__ import annotations

import hmac
import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Three calls, each with `Authorization: Bearer KEY`."""

    key: str
    name: str

    def do_GET(self) -> None:
        if self._is_allowed() and self._is_for("/v1/models"):
            self._answer(200, {"object": "list", "data": [{"id": self.name, "object": "model"}]})

    def do_POST(self) -> None:
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._is_allowed():
            return
        if self.path == "/stop":
            self.server.shutdown()
            self.server.server_close()  # before responding: then the port is free
            self._answer(200, {"stopped": True})
        elif self._is_for("/v1/chat/completions"):
            self._answer(200, _completion(self.name, json.loads(given)))

    def _is_allowed(self) -> bool:
        allowed = hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.key}")
        if not allowed:
            self._answer(401, {"error": {"message": "wrong key"}})
        return allowed

    def _is_for(self, path: str) -> bool:
        if self.path != path:
            self._answer(404, {"error": {"message": "no such path"}})
        return self.path == path

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Logs nothing: nobody reads it."""


def _completion(name: str, request: Any) -> Any:
    message = {"role": "assistant", "content": request["messages"][-1]["content"]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": name, "choices": [choice]}


def main(descriptor: int, name: str) -> None:
    Handler.key, Handler.name = os.environ["SERVER_KEY"], name
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=descriptor)
    server.daemon_threads = False  # requests in progress are completed
    server.block_on_close = False
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
