"""Deploys environments one after the other and shows progress: `python deploy.py [--preview] [STACK …]`.

Stops at the first environment that fails; later ones are not touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation as auto

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = ("dev", "staging", "prod")
DONE = {"create": "+ created", "update": "~ updated", "delete": "- deleted", "replace": "± replaced"}
PLANNED = {"create": "+ would be created", "update": "~ would be updated", "delete": "- would be deleted"}
NOISE = ("pulumi:pulumi:Stack", "pulumi:providers:")
LAST_WORDS = "an unhandled error occurred"


class Progress:
    """Prints each error, and a line for each resource as it changes."""

    def __init__(self, environment: str, words: Mapping[str, str]) -> None:
        self._begin = f"{environment:<8}"
        self._words = words
        self.errors = 0

    def __call__(self, event: auto.EngineEvent) -> None:
        step = event.resource_pre_event if self._words is PLANNED else event.res_outputs_event
        if step and not step.metadata.type.startswith(NOISE) and (word := self._words.get(step.metadata.op.value)):
            name = step.metadata.urn.rpartition("::")[2]
            print(f"{self._begin} {word} {name}{_fields(step.metadata)}", flush=True)
        problem = event.diagnostic_event
        if problem and problem.severity == "error" and LAST_WORDS not in problem.message:
            self.errors += 1
            print(f"{self._begin} ! {problem.message.strip().removeprefix('error: ')}", file=sys.stderr, flush=True)


def main(words: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 if an environment failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environments", metavar="STACK", nargs="*", default=ENVIRONMENTS)
    parser.add_argument("--preview", action="store_true", help="show what would change, without changing it")
    given = parser.parse_args(words)
    if unknown := set(given.environments) - set(ENVIRONMENTS):
        parser.error(f"unknown environment {', '.join(sorted(unknown))}: choose from {', '.join(ENVIRONMENTS)}")
    for environment in given.environments:
        if not deploy(environment, preview=given.preview):
            return 1
    return 0


def deploy(environment: str, *, preview: bool) -> bool:
    """Brings one environment up to date; returns whether it succeeded."""
    stack = auto.create_or_select_stack(environment, work_dir=str(HERE))
    progress = Progress(environment, PLANNED if preview else DONE)
    try:
        changes = stack.preview(on_event=progress).change_summary if preview else _up(stack, progress)
    except auto.CommandError as error:
        if not progress.errors:  # it failed before the engine reported a reason
            print(f"{environment:<8} ! {error}", file=sys.stderr)
        return False
    counts = ", ".join(f"{count} {getattr(op, 'value', op)}" for op, count in sorted(changes.items(), key=str))
    print(f"{environment:<8} done: {counts}", flush=True)
    return True


def _up(stack: auto.Stack, progress: Progress) -> Mapping[Any, int]:
    return stack.up(on_event=progress).summary.resource_changes or {}


def _fields(step: auto.StepEventMetadata) -> str:
    """Returns the names of the fields that differ; their values may be secret."""
    if step.op.value != "update" or not step.old or not step.new:
        return ""
    found = sorted(_differing(step.old.inputs, step.new.inputs)) or step.diffs or []
    return f": {', '.join(found)}"


def _differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differing(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield path


if __name__ == "__main__":
    sys.exit(main())
