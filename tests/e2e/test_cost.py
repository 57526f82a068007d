"""The cost of a model: API calls, and bytes of state compared with a provider that does nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from .harness import REPOSITORY, Stack, Story

BENCHMARKS = REPOSITORY / "benchmarks"
MODELS = 2
MORE_THAN_NOTHING = 1.10


def test_a_model_costs_one_call_and_little_extra_state(story: Story) -> None:
    """The benchmark's model, with this provider and with one that makes no calls."""
    api = story.api()
    ours = _benchmark(story, "dynamic")
    ours.config_set({"enkrypt:endpoint": api.url}, secrets={"enkrypt:apiKey": api.key})
    names = [f"bench-{number}/1" for number in range(MODELS)]

    expected: dict[str, tuple[Callable[[], object], list[str]]] = {
        "up": (ours.up, [f"add_model {name}" for name in names]),
        "up, no change": (ours.up, []),
        "preview": (ours.preview, []),
        "refresh": (ours.refresh, ["list_models"]),
    }
    for what, (command, calls) in expected.items():
        command()
        assert (what, sorted(api.calls())) == (what, calls)
    nothing = _benchmark(story, "nothing")
    nothing.up()

    assert ours.export()["model-0"]["sourcePosition"] == f"project:///__main__.py#{_line('EnkryptModel(')}"
    assert _bytes(ours) <= MORE_THAN_NOTHING * _bytes(nothing)


def _benchmark(story: Story, system: str) -> Stack:
    paths = os.pathsep.join(map(str, (REPOSITORY, BENCHMARKS, BENCHMARKS / system)))
    program = (BENCHMARKS / system / "__main__.py").read_text()
    stack = story.project(program, environment={"PYTHONPATH": paths}, name=system)
    stack.config_set({"models": str(MODELS)})
    return stack


def _line(call: str) -> int:
    """The number of the line that declares the models, which the engine must show."""
    lines = (BENCHMARKS / "dynamic" / "__main__.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if call in line)


def _bytes(stack: Stack) -> int:
    """The size of the last model in the state, without the server's times, whose length varies."""
    model = stack.export()[f"model-{MODELS - 1}"]
    outputs = {name: value for name, value in model["outputs"].items() if not name.endswith("_at")}
    return len(json.dumps([model["inputs"], outputs]))
