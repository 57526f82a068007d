"""journal.py: which resource of this machine made which registration, also after a killed process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from enkrypt_provider.schema import Identifier

from enkrypt_provider.core.journal import Entry, Journal, this_place

MODEL = Identifier("Test_Model", "1")
NOBODY = Entry("p/s/m")


def journal(folder: Path, now: float = 1000.0, endpoint: str = "https://h") -> Journal:
    return Journal(endpoint, folder, lambda: now)


def test_a_create_that_begins_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    """What began is known to whoever comes after."""
    assert journal(tmp_path).begin(MODEL, "p/s/m") == (NOBODY, 1000.0)
    assert journal(tmp_path, 2000.0).entry(MODEL, "p/s/m") == Entry("p/s/m", began=1000.0)


def test_the_same_resource_goes_on_with_its_create(tmp_path: Path) -> None:
    """A create that is repeated keeps the time of its first beginning."""
    journal(tmp_path).begin(MODEL, "p/s/m")
    assert journal(tmp_path, 2000.0).begin(MODEL, "p/s/m") == (Entry("p/s/m", began=1000.0), 1000.0)


def test_resources_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Another resource's create of the same identity is its own, and takes nothing away."""
    written = journal(tmp_path)
    written.begin(MODEL, "p/s/m")
    assert journal(tmp_path, 2000.0).begin(MODEL, "p/s/n") == (Entry("p/s/n"), 2000.0)
    written.finish(MODEL, "p/s/n", 7)
    assert written.entry(MODEL, "p/s/m") == Entry("p/s/m", began=1000.0)


def test_a_finished_create_is_known_by_its_number(tmp_path: Path) -> None:
    """Once the API has given a number, that is the proof, and who made it can be told."""
    written = journal(tmp_path)
    written.begin(MODEL, "p/s/m")
    written.finish(MODEL, "p/s/m", 7)
    assert written.entry(MODEL, "p/s/m") == Entry("p/s/m", made=7)
    assert written.maker(MODEL, 7) == Entry("p/s/m", made=7)
    assert [written.maker(MODEL, other) for other in (8, None)] == [None, None]


def test_the_number_outlives_the_next_create(tmp_path: Path) -> None:
    """While a replacement is made, what was made before is still known."""
    written = journal(tmp_path)
    written.finish(MODEL, "p/s/m", 7)
    written.begin(MODEL, "p/s/m")
    assert written.entry(MODEL, "p/s/m") == Entry("p/s/m", made=7, began=1000.0)


def test_without_a_number_the_time_is_kept(tmp_path: Path) -> None:
    """Where an API gives no number, when the create began stays the only proof."""
    written = journal(tmp_path)
    written.begin(MODEL, "p/s/m")
    written.finish(MODEL, "p/s/m", None)
    assert written.entry(MODEL, "p/s/m") == Entry("p/s/m", began=1000.0)


def test_a_refused_create_leaves_what_was_there(tmp_path: Path) -> None:
    """Where the API refused for certain, the entry before it stands again, or none."""
    written = journal(tmp_path)
    before, _ = written.begin(MODEL, "p/s/m")
    written.write(MODEL, before)
    assert not written.knows(MODEL, "p/s/m")
    assert list(tmp_path.iterdir()) == []
    written.finish(MODEL, "p/s/m", 7)
    before, _ = written.begin(MODEL, "p/s/m")
    written.write(MODEL, before)
    assert written.entry(MODEL, "p/s/m") == Entry("p/s/m", made=7)


@pytest.mark.parametrize(("number", "left"), [(7, ["p/s/other"]), (None, [])])
def test_what_is_gone_is_forgotten(tmp_path: Path, number: int | None, left: list[str]) -> None:
    """With the registration goes what was known of it, and of no other; without its number, all of its name."""
    written = journal(tmp_path)
    written.finish(MODEL, "p/s/m", 7)
    written.finish(MODEL, "p/s/other", 8)
    for _ in range(2):
        written.forget(MODEL, number)
        assert [owner for owner in ("p/s/m", "p/s/other") if written.knows(MODEL, owner)] == left


@pytest.mark.parametrize(
    ("endpoint", "identity"),
    [("https://other", MODEL), ("https://h", Identifier("Test_Model", "2")), ("https://h", Identifier("x", "1"))],
)
def test_an_entry_is_of_one_model_of_one_endpoint(tmp_path: Path, endpoint: str, identity: Identifier) -> None:
    """Another API's or another model's create proves nothing."""
    journal(tmp_path).finish(MODEL, "p/s/m", 7)
    assert not journal(tmp_path, endpoint=endpoint).knows(identity, "p/s/m")
    assert journal(tmp_path, endpoint=endpoint).maker(identity, 7) is None


def test_a_stack_of_the_same_name_elsewhere_is_another(tmp_path: Path) -> None:
    """Two checkouts of a project, or two states of it, are not the same owner, but can be told of each other."""
    Journal("https://h", tmp_path, place="/one").finish(MODEL, "p/s/m", 7)
    other = Journal("https://h", tmp_path, place="/other")
    assert not other.knows(MODEL, "p/s/m")
    assert other.maker(MODEL, 7) == Entry("p/s/m", made=7, place="/one")


def test_who_takes_over_is_the_one_that_has_it(tmp_path: Path) -> None:
    """Of all that had to do with a registration the last one has it; the others know that they lost it."""
    written = journal(tmp_path)
    for owner in ("p/s/a", "p/s/b"):
        written.finish(MODEL, owner, 7)
    written.take_over(MODEL, "p/s/b", 7)
    assert [written.entry(MODEL, owner).lost for owner in ("p/s/a", "p/s/b")] == [True, False]
    assert written.maker(MODEL, 7) == Entry("p/s/b", made=7)
    written.take_over(MODEL, "p/s/a", 7)
    assert [written.entry(MODEL, owner).lost for owner in ("p/s/a", "p/s/b")] == [False, True]


def test_a_place_is_a_folder_and_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder tells its stacks apart, and so does the backend that holds their states."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert this_place() == str(tmp_path)
    places = set()
    for backend in ("postgres://u:stand-in-password@h/states", "s3://states"):
        monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
        places.add(this_place())
    assert len(places) == 2
    assert all(place.startswith(f"{tmp_path}\n") and "stand-in-password" not in place for place in places)


def test_a_resource_without_a_name_is_not_remembered(tmp_path: Path) -> None:
    """Nobody can be told apart by no name: it proves nothing."""
    written = journal(tmp_path)
    assert written.begin(MODEL, "") == (Entry(""), 1000.0)
    written.finish(MODEL, "", 7)
    assert not written.knows(MODEL, "")


def test_no_file_shows_more_than_the_owner(tmp_path: Path) -> None:
    """Neither the names nor the contents of the files tell a model or an endpoint."""
    journal(tmp_path / "creates").begin(MODEL, "p/s/m")
    (file,) = (tmp_path / "creates").rglob("*.json")
    assert "Test_Model" not in file.name + file.read_text()
    assert (tmp_path / "creates").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "spoilt",
    ["", "{", "[]", "null", '{"made": 5}', '{"owner": 1}', '{"owner": "p/s/m", "made": "7"}',
     '{"owner": "p/s/m", "began": []}', '{"owner": "p/s/m", "more": 3}', '{"owner": "p/s/other", "made": 7}'],
)  # fmt: skip
def test_a_spoilt_entry_is_none(tmp_path: Path, spoilt: str) -> None:
    """A file that is half written or of another version is as if it were not there."""
    written = journal(tmp_path)
    written.begin(MODEL, "p/s/m")
    next(tmp_path.rglob("*.json")).write_text(spoilt)
    assert not written.knows(MODEL, "p/s/m")
    assert written.begin(MODEL, "p/s/m") == (NOBODY, 1000.0)


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    """A read-only home is no error: a create works without its journal."""
    (tmp_path / "file").touch()
    unwritable = journal(tmp_path / "file" / "creates")
    assert unwritable.begin(MODEL, "p/s/m") == (NOBODY, 1000.0)
    unwritable.finish(MODEL, "p/s/m", 7)
    unwritable.forget(MODEL)
    assert not unwritable.knows(MODEL, "p/s/m")


def test_the_entries_live_in_the_users_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder of its own, the journal is where the platform keeps such state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Journal("https://h").begin(MODEL, "p/s/m")
    assert len(list((tmp_path / "enkrypt-provider" / "creates").rglob("*.json"))) == 1


def test_a_line_that_a_full_disk_cut_hides_neither_the_one_before_nor_the_one_after(tmp_path: Path) -> None:
    noted = journal(tmp_path)
    noted.finish(MODEL, "p/s/m", 5)
    (file,) = tmp_path.rglob("*.json")
    with file.open("a") as cut:
        cut.write('{"owner": "p/s')
    assert noted.entry(MODEL, "p/s/m").made == 5
    noted.finish(MODEL, "p/s/m", 6)
    assert noted.entry(MODEL, "p/s/m").made == 6


def test_what_is_forgotten_leaves_nothing_behind(tmp_path: Path) -> None:
    noted = journal(tmp_path)
    noted.finish(MODEL, "p/s/m", 5)
    noted.forget(MODEL, 5)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_removes_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last entry of an identity takes the folder with it, perhaps just when another is about to be written."""
    make = Path.mkdir
    made: list[Path] = []

    def removed_once(folder: Path, *arguments: Any, **options: Any) -> None:
        make(folder, *arguments, **options)
        if folder.parent == tmp_path and not made:
            made.append(folder)
            folder.rmdir()

    monkeypatch.setattr(Path, "mkdir", removed_once)
    noted = journal(tmp_path)
    noted.finish(MODEL, "p/s/m", 5)
    assert made
    assert noted.entry(MODEL, "p/s/m").made == 5
