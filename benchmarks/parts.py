"""The parts of the benchmark. Each yields samples; the systems take turns, one command each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from api import ROOT, least_seconds
from command import run
from systems import NAMES, NO_CHANGE, REFRESH, TERRAFORMS, UP, Stack, environment, stack

SET_UP, LIMITS, LIFE, BARE, MANY = "set-up", "limits", "life", "beside nothing", "many"
TRIES = 5
LOCK_OUT = 60.0
"""Seconds that a user has to wait after a violation. They are added, not waited: see `Api.limit`."""
FIRST_MODELS = 6
"""The number of models in the repository's own stack."""


@dataclass
class Sample:
    """One operation of one system, including all its tries."""

    part: str
    system: str
    models: int
    latency: int
    """Latency of each response, in milliseconds."""
    operation: str
    seconds: float
    cpu: float = 0.0
    calls: int = 0
    state: int = 0
    """Bytes per model."""
    tries: int = 1
    is_finished: bool = True
    violations: int = 0
    registered: int = 0
    pace: float = 0.0
    """Time from the first call to the last, divided by the minimum that the vendor's limits allow."""


def shown(sample: Sample) -> Sample:
    print(f"    {sample.operation}, {NAMES[sample.system]}: {sample.seconds:.1f} s", flush=True)
    return sample


def lives(
    part: str, systems: Sequence[str], models: int, latency: int, operations: Sequence[str], path: str
) -> Iterator[Sample]:
    """Create a stack of each system; they take turns at each operation, one command at a time."""
    with ExitStack() as held:
        stacks = [held.enter_context(stack(system, models, path, latency)) for system in systems]
        for operation in operations:
            for each in stacks:
                each.api.requests()
                ran = each.run(operation)
                calls, state = len(each.api.requests()), each.bytes_per_model()
                yield shown(Sample(part, each.system, models, latency, operation, ran.seconds, ran.cpu, calls, state))
            stacks.reverse()  # so that going first is no advantage


def at_the_limits(system: str, models: int, path: str) -> Iterator[Sample]:
    """`up` of a new stack, then further operations once all models are registered."""
    with stack(system, models, path, limited=True) as new:
        up = tried(new, UP)
        yield shown(up)
        if up.is_finished:
            yield from (shown(tried(new, operation)) for operation in (NO_CHANGE, REFRESH))
    if not up.is_finished:  # register the models without limits
        with stack(system, models, path) as whole:
            whole.run(UP)
            yield from (shown(tried(whole, operation)) for operation in (NO_CHANGE, REFRESH))


def tried(of: Stack, operation: str) -> Sample:
    """Run an operation until it succeeds, as a patient user would: once more after each lock-out."""
    sample = Sample(LIMITS, of.system, of.models, 0, operation, 0.0, tries=0, is_finished=False)
    violations = 1
    while violations and not sample.is_finished and sample.tries < TRIES:
        of.api.limit()
        ran = of.run(operation, check=False)
        sample.tries, sample.is_finished = sample.tries + 1, ran.is_ok
        sample.seconds += ran.seconds + (LOCK_OUT if sample.tries > 1 else 0)
        violations = of.api.violations()
        sample.violations += violations
        times = [datetime.fromisoformat(each["at"].replace("Z", "+00:00")) for each in of.api.requests()]
        sample.calls += len(times)
    if sample.tries == 1 and (least := least_seconds(sample.calls)):
        sample.pace = (max(times) - min(times)).total_seconds() / least
    sample.registered = of.api.registered()
    return sample


def set_up(system: str, path: str) -> Sample:
    """From nothing to registered models, with the engine installed and Terraform's provider in its mirror."""
    if system in TERRAFORMS:
        with stack(system, FIRST_MODELS, path) as new:
            shutil.rmtree(new.folder / ".terraform")
            seconds = run("terraform init", new.folder, new.env).seconds + new.run(UP).seconds
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            seconds = _set_up_clone(Path(name), path)
    return shown(Sample(SET_UP, system, FIRST_MODELS, 0, UP, seconds))


def _set_up_clone(folder: Path, path: str) -> float:
    skipped = ("PYTHONPATH", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
    engine = os.pathsep.join(path.split(os.pathsep)[1:])
    env = {name: value for name, value in environment(folder, engine).items() if name not in skipped}
    cloned = run(["git", "clone", "--quiet", str(ROOT), str(folder / "clone")], folder, env)
    return cloned.seconds + run("make up", folder / "clone", env).seconds
