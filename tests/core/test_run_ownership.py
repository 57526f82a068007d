"""run_ownership.py: the claims of one run of the engine, across its processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enkrypt_provider.core.database import Database
from enkrypt_provider.core.holding import Holding
from enkrypt_provider.core.run_ownership import RunOwnership
from enkrypt_provider.kinds.kind import Identifier

X = Identifier("x", "1")
AT_NOON, AT_ONE = "2030-01-01T12:00:00Z", "2030-01-01T13:00:00+00:00"
SEVEN = Holding(X, 7, AT_NOON)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "provider.sqlite"


def process(file: Path, run: str = "a run", account: str = "https://h", tenant: str = "k") -> RunOwnership:
    """One provider process."""
    return RunOwnership(Database(file, run=run), account, tenant)


def test_one_declaration_is_first_across_threads_and_processes(file: Path) -> None:
    processes = [process(file) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        first = set(pool.map(lambda number: processes[number % 2].declare(X, f"urn:{number}"), range(100)))
    assert len(first) == 1


def test_a_registration_is_held_across_the_keys_of_an_account(file: Path) -> None:
    """Two providers may use two keys of the same project."""
    process(file, tenant="another key").hold("urn", SEVEN)
    assert process(file).is_held(SEVEN)


@pytest.mark.parametrize(
    ("same", "is_same"),
    [
        (Holding(X, 7, "2030-01-01T12:00:00.250+00:00"), True),
        (Holding(X, 7, ""), True),
        (Holding(X, 7, AT_ONE), False),
        (Holding(X, 8, AT_NOON), False),
        (Holding(X, None, AT_NOON), True),
        (Holding(X, None, AT_ONE), False),
        (Holding(Identifier("y", "1"), None, AT_NOON), False),
    ],
    ids=str,
)
def test_number_and_time_identify_a_registration(file: Path, same: Holding, is_same: bool) -> None:
    """Two projects at one address may both have a number 7; a missing value is no difference."""
    run = process(file)
    run.hold("urn", SEVEN)
    assert run.is_held(same) is is_same


def test_without_a_number_name_and_time_identify_a_registration(file: Path) -> None:
    """A response may leave out the number that another one contains."""
    run = process(file)
    run.hold("urn", Holding(X, None, AT_NOON))
    assert run.is_held(SEVEN)
    assert not run.is_held(Holding(X, 7, AT_ONE))


def test_an_invalid_time_is_not_stored(file: Path) -> None:
    """An API may return a key there."""
    process(file).hold("urn", Holding(X, 7, "stand-in-key"))
    assert process(file).is_held(SEVEN)
    assert b"stand-in-key" not in b"".join(path.read_bytes() for path in file.parent.iterdir())


def test_a_released_registration_can_be_taken_over_once(file: Path) -> None:
    run = process(file)
    assert not run.is_released(SEVEN)
    run.plan_release("urn", SEVEN, {})
    assert not run.is_released(SEVEN)
    run.check("urn", is_new=True)
    assert (run.is_released(SEVEN), run.is_held(SEVEN)) == (True, False)
    process(file).hold("urn", SEVEN)
    assert (run.is_released(SEVEN), run.is_held(SEVEN)) == (False, True)


ENDED = """
import sys
from pathlib import Path
from enkrypt_provider.core.database import Database
from enkrypt_provider.core.holding import Holding
from enkrypt_provider.core.run_ownership import RunOwnership
from enkrypt_provider.kinds.kind import Identifier
run = RunOwnership(Database(Path(sys.argv[1]), run="a run"), "https://h", "k")
run.hold("urn", Holding(Identifier("x", "1"), 7))
print(run.declare(Identifier("x", "1"), "urn:a"), run.is_held(Holding(Identifier("x", "1"), 7)))
"""


def test_a_claim_ends_with_the_process_that_made_it(file: Path) -> None:
    """One engine may run several updates (`pulumi watch`), each with its own process: what the first declared may
    then be declared elsewhere, or deleted."""
    done = subprocess.run([sys.executable, "-c", ENDED, file], capture_output=True, text=True, check=True)
    assert done.stdout == "urn:a True\n"
    run = process(file)
    assert run.declare(X, "urn:b") == "urn:b"
    assert not run.is_held(SEVEN)
