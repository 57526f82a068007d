"""The basis of the benchmark's claims: its server, the minimum time under a rate limit, and the table."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from enkrypt_provider.emulator import LIKE_VENDOR
from enkrypt_provider.emulator.limits import Limiter

BENCHMARKS: Final = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def api() -> Any:
    """The benchmark's module `api`, loaded by path: tests/ has a package with the same name."""
    spec = importlib.util.spec_from_file_location("benchmarks_api", BENCHMARKS / "api.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("calls", "seconds"), [(0, 0), (1, 0), (3, 0), (4, 1), (30, 9), (100, 33), (101, 60), (150, 76)]
)
def test_least_seconds_match_the_emulators_limits(api: Any, calls: int, seconds: int) -> None:
    """No call is refused at that pace, but the last one is if it is sent slightly earlier."""
    assert api.least_seconds(calls) == seconds
    times = [api.least_seconds(number) for number in range(1, calls + 1)]
    clock = iter(times)
    limiter = Limiter(LIKE_VENDOR, lambda: next(clock))
    assert [limiter.refuse("key", "/models/add-model") for _ in times] == [None] * calls
    if seconds:
        hurried = iter([*times[:-1], times[-1] - 0.01])
        limiter = Limiter(LIKE_VENDOR, lambda: next(hurried))
        assert [bool(limiter.refuse("key", "/models/add-model")) for _ in times] == [False] * (calls - 1) + [True]


def test_api_takes_names_in_paths_counts_requests_and_enforces_limits(api: Any, tmp_path: Path) -> None:
    with (
        closing(api.Api(tmp_path, 0)) as served,
        httpx.Client(base_url=served.url, headers={"apikey": "key"}) as client,
    ):
        assert client.get("/models/get-model/bench-1").status_code == 404
        (request,) = served.requests()
        assert (request["model_saved_name"], request["model_version"]) == ("bench-1", "1")
        served.limit()
        assert [client.get("/models/list-models").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        assert (served.violations(), len(served.requests()), served.registered()) == (1, 5, 0)
        served.limit()
        assert client.get("/models/list-models").status_code == 200


def test_table_shows_who_finished_and_the_ratio_of_pairs(tmp_path: Path) -> None:
    limits = {"part": "limits", "models": 4, "latency": 0, "operation": "up"}
    bare = {"part": "beside nothing", "models": 100, "latency": 0, "operation": "up"}
    samples = [
        {**limits, "system": "dynamic", "seconds": 1.5, "calls": 4, "pace": 1.02},
        {
            **limits,
            "system": "terraform",
            "seconds": 62,
            "tries": 2,
            "is_finished": False,
            "violations": 1,
            "calls": 9,
        },
        *({**bare, "system": "dynamic", "seconds": seconds} for seconds in (2.0, 3.3, 4.0)),
        *({**bare, "system": "nothing", "seconds": seconds} for seconds in (2.0, 3.0, 3.2)),
    ]
    (tmp_path / "samples.json").write_text(json.dumps({"about": "a machine", "samples": samples}))
    code = "import pathlib, report, sys; report.write(pathlib.Path(sys.argv[1]))"
    path = os.pathsep.join(map(str, (BENCHMARKS, BENCHMARKS.parent)))
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "PYTHONPATH": path})
    table = (tmp_path / "table.md").read_text()
    assert "| 4 | up | this provider, dynamic | yes | 1.5 | 1 | 1.02 × | 0 | 4 |" in table
    assert "| 4 | up | Terraform | not in 2 tries, 0 are registered | 62.0 | – | – | 1 | 9 |" in table
    assert "| 100 | up | 3 | 1.10 (1.00 to 1.25) | ≤ 1.15 |" in table
