"""Two commands at once: of two stacks that declare the same name, and of one stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.harness import Story, new_story

from .running import going, wait_for
from .scenes import model
from .stacks import ADOPT, Troubled, number_in


@pytest.mark.parametrize("where", ["one machine", "two machines"])
def test_only_one_of_two_stacks_gets_the_name(story: Story, tmp_path: Path, engine: Path, where: str) -> None:
    """Two concurrent ups declare the same identity: one registers it, the other's error says what to do."""
    home = {"XDG_STATE_HOME": str(tmp_path / "one machine")} if where == "one machine" else {}
    api = story.api()
    (tmp_path / "other").mkdir()
    with new_story(tmp_path / "other", engine) as another:
        stacks = [Troubled(story, api, "dynamic", home), Troubled(another, api, "native", home)]
        for troubled in stacks:
            troubled.declare({"a": model("x")})
        up = ("up", "--yes", "--skip-preview")
        with going(stacks[0].stack, *up) as one, going(stacks[1].stack, *up) as other:
            runs = [one.end(), other.end()]

        assert sorted(run.code == 0 for run in runs) == [False, True]
        winner, loser = sorted(zip(runs, stacks, strict=True), key=lambda it: it[0].code)
        model_id = str(api.models()["x/v1"]["model_id"])
        is_native = loser[1].frontend == "native"
        version = "another modelVersion" if is_native else "another model_version"
        for part in ("x/v1 is registered already", model_id, ADOPT[loser[1].frontend], version):
            assert part in loser[0].text
        loser[1].stack.destroy()
        assert str(api.models()["x/v1"]["model_id"]) == model_id
        assert number_in(winner[1].objects("a")[0]) == int(model_id)


def test_a_second_up_of_the_same_stack_is_refused(story: Story) -> None:
    """While an up runs, the engine's lock refuses another up of the same stack, which changes nothing."""
    troubled = Troubled(story, story.api())
    troubled.declare({"a": model("x")})
    troubled.api.fault({"call": "add_model", "delay": 4})
    with going(troubled.stack, "up", "--yes", "--skip-preview") as first:
        locks = story.folder / "state/.pulumi/locks"
        wait_for(lambda: any(locks.rglob("*.json")), "the lock")
        second = troubled.type("up", "--yes", "--skip-preview", fails=True)
        first.end(fails=False)

    assert "the stack is currently locked by 1 lock(s)" in second.text
    assert "pulumi cancel" in second.text
    assert troubled.disagreements() == []
