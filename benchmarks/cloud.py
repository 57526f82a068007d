"""A stand-in for the part of Pulumi Cloud's API that holds the state of a stack, with journaling.

`python benchmarks/cloud.py` prints its URL, which is a `PULUMI_BACKEND_URL`; any `PULUMI_ACCESS_TOKEN` will do.
What the CLI sends of the state is kept as it came and put together when the deployment is next asked for, by the
rules of `JournalReplayer` in Pulumi's pkg/backend/journal.go, so that next to nothing is done during an update.
It journals whenever the CLI asks; with PULUMI_DISABLE_JOURNALING=true the CLI sends whole checkpoints instead.
Left out: dependencies on what a refresh found gone, aliases, features of version 4, deltas of checkpoints, import.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from serving import Served

Json = dict[str, Any]
MANIFEST: Json = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
BEGIN, SUCCESS, FAILURE, REFRESH_SUCCESS, OUTPUTS, WRITE, SECRETS_MANAGER, REBUILT_BASE_STATE = range(8)


class Cloud(Served):
    """The stand-in."""

    def __init__(self, folder: Path) -> None:
        super().__init__([sys.executable, __file__], folder)
        self.url = self.said


class Replayer:
    """A base deployment and the entries of a journal, put together. An old resource goes by its index in the base,
    a new one by the operation that made it."""

    def __init__(self, base: Json) -> None:
        self.start(base)

    def start(self, base: Json) -> None:
        self.base = base
        self.olds: dict[Any, Json] = dict(enumerate(base.get("resources") or []))
        self.new: dict[Any, Json] = {}
        self.begun: dict[int, Json] = {}

    def add(self, entry: Json) -> None:
        kind, operation, state = entry["kind"], entry["operationID"], entry.get("state")
        if kind == BEGIN:
            self.begun[operation] = entry
        elif kind in (SUCCESS, REFRESH_SUCCESS, FAILURE):
            self.begun.pop(operation, None)
        if kind == SUCCESS:
            if state:
                self.new[operation] = state
            self.replace(entry, None)
            self.mark(entry)
        elif kind == REFRESH_SUCCESS or (kind == OUTPUTS and state):
            self.replace(entry, state)
        elif kind == WRITE:
            self.start(entry["newSnapshot"])
        elif kind == SECRETS_MANAGER:
            self.base["secrets_providers"] = entry["secretsProvider"]
        elif kind == REBUILT_BASE_STATE:
            self.start(self.deployment())
        elif kind > REBUILT_BASE_STATE:
            raise NotImplementedError(f"a journal entry of kind {kind}")

    def replace(self, entry: Json, state: Json | None) -> None:
        for resources, key in ((self.olds, entry.get("removeOld")), (self.new, entry.get("removeNew"))):
            if key in resources and state:
                resources[key] = state
            else:
                resources.pop(key, None)

    def mark(self, entry: Json) -> None:
        for mark in ("delete", "pendingReplacement"):
            for resources, key in ((self.olds, entry.get(f"{mark}Old")), (self.new, entry.get(f"{mark}New"))):
                if key in resources:
                    resources[key][mark] = True

    def deployment(self) -> Json:
        pending = [entry["operation"] for entry in self.begun.values() if entry.get("operation")]
        pending += [each for each in self.base.get("pending_operations") or [] if each["type"] == "creating"]
        resources = [*self.new.values(), *self.olds.values()]
        return {**self.base, "manifest": MANIFEST, "resources": resources, "pending_operations": pending}


@dataclass
class Stack:
    """A stack; `state` is its deployment, as JSON, as of when `patches` were not yet sent."""

    identity: Json
    state: bytes = b""
    patches: list[tuple[str, bytes]] = field(default_factory=list)
    version: int = 0

    def patch(self, kind: str, body: bytes) -> None:
        if kind == "checkpoint":
            self.patches.clear()
        self.patches.append((kind, body))

    def export(self) -> bytes:
        entries: list[Json] = []
        for kind, packed in self.patches:
            body = gzip.decompress(packed)
            if kind == "checkpoint":
                self.state = body
            else:
                entries += json.loads(body)["entries"]
        self.patches.clear()
        if entries:
            replayer = Replayer(json.loads(self.state)["deployment"])
            for entry in entries:
                replayer.add(entry)
            self.state = typed(replayer.deployment())
        return self.state


def typed(deployment: Json) -> bytes:
    return json.dumps({"version": 3, "deployment": deployment}).encode()


class Service(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.stacks: dict[tuple[str, ...], Stack] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A CLI that is done does not wait for what it has asked."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, method: str, path: list[str], body: bytes) -> Json | bytes | None:
        """What to answer with 200; None is a 404."""
        match method, path:
            case "GET", ["api", "capabilities"]:
                return {"capabilities": []}
            case "GET", ["api", "user"]:
                return {"githubLogin": "bench", "organizations": [{"githubLogin": "bench"}]}
            case "GET", ["api", "user", "organizations", "default"]:
                return {"GitHubLogin": "bench"}
            case "GET", ["api", "user", "stacks"]:
                return {"stacks": [stack.identity for stack in self.stacks.values()]}
            case "POST", ["api", "stacks", org, project]:
                return self.create(org, project, json.loads(body))
            case _, ["api", "stacks", org, project, name, *rest] if (org, project, name) in self.stacks:
                return self.of_stack((org, project, name), method, rest, body)
        return None

    def create(self, org: str, project: str, request: Json) -> Json:
        name = request["stackName"]
        identity = {"orgName": org, "projectName": project, "stackName": name, "tags": request.get("tags") or {}}
        state = typed({"manifest": MANIFEST, "metadata": {}})
        self.stacks[org, project, name] = Stack({"id": f"{org}/{project}/{name}", **identity}, state)
        return {}

    def of_stack(self, key: tuple[str, ...], method: str, rest: list[str], body: bytes) -> Json | bytes | None:
        stack = self.stacks[key]
        match method, rest:
            case "GET", []:
                return {**stack.identity, "activeUpdate": "", "version": stack.version}
            case "DELETE", []:
                del self.stacks[key]
                return {}
            case "GET", ["export"]:
                return stack.export()
            case "POST", ["update" | "preview" | "refresh" | "destroy"]:
                return {"updateID": f"update-{stack.version + 1}"}
            case "POST", [kind, _]:
                stack.version += kind != "preview"
                asked = json.loads(body).get("journalVersion", 0)
                return {"version": stack.version, "token": "lease", "journalVersion": min(asked, 1)}
            case "POST", [_, _, "renew_lease" | "complete"]:
                return {"token": "lease"}
            case "POST", [_, _, "events", "batch"]:
                return {}
            case "PATCH", [_, _, "journalentries" | "checkpoint" as sent]:
                stack.patch(sent, body)
                return {}
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Service

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/").split("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            found = self.server.answer(self.command, path, body)
        if found is None:
            sys.stderr.write(f"404 for {self.command} {self.path}\n")
        shown = {"code": 404, "message": "Not Found"} if found is None else found
        text = shown if isinstance(shown, bytes) else json.dumps(shown).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


if __name__ == "__main__":
    service = Service()
    print(f"http://127.0.0.1:{service.server_port}", flush=True)
    service.serve_forever()
