"""Random lives of a stack, with random faults and deaths, against a plain model of what should be registered."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from enkrypt_provider.emulator import LIKE_VENDOR
from enkrypt_provider.errors import EnkryptError, ModelExists

from .conftest import FULL, Count
from .miniature import Killed, Properties
from .scenes import model
from .ways import WAYS
from .world import Corner, World, world_of

CHUNKS = 50 if FULL else 4
SEQUENCES = 50 if FULL else 15
STEPS = 20
PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("FAULTS_SHRINK") else [])]

NAMES = st.sampled_from("abc")
IDENTITIES = st.sampled_from([("x", "1"), ("x", "2"), ("y", "1"), ("z", "1")])
TEXTS = st.sampled_from(["", "one", "two"])
CALLS = st.sampled_from(
    ["add_model", "add_model", "get_model", "list_models", "modify_model", "delete_model", "delete_model", "*"]
)
# Half of a true answer over no socket at all is the same as a reset; the heavy ones have tests of their own.
FAULTS = st.sampled_from([way.fault for way in WAYS if not {"delay", "size"} & way.fault.keys()])
WHEN = st.sampled_from([{}, {"first": 1}, {"first": 1}, {"first": 2}, {"first": 4}, {"nth": 2}, {"nth": 3}])
FAULT = st.builds(lambda call, fault, when: {"call": call, **fault, **when}, CALLS, FAULTS, WHEN)
PROGRAMS = st.dictionaries(NAMES, st.tuples(IDENTITIES, TEXTS, st.integers(0, 1)), min_size=1)
WORLDS: tuple[dict[str, Any], ...] = (
    {},
    {"limits": LIKE_VENDOR},
    {"quirks": "host,slash,order,mask,extra"},
    {"dialect": "v2"},
    {"dialect": "v2", "limits": LIKE_VENDOR, "quirks": "order,noslash,omit"},
)
Program = Mapping[str, tuple[tuple[str, str], str, int]]


@dataclass(frozen=True)
class Trouble:
    """What goes wrong while a command runs."""

    faults: Sequence[Mapping[str, Any]]
    death: int | None
    """After how many moments the machine dies: a request, a response, an operation."""

    @property
    def lies(self) -> bool:
        """Whether an answer can hide what is there: then only a refresh shows it."""
        return any(fault.get("stale") or fault.get("status", 500) < 500 for fault in self.faults)


TROUBLES = st.builds(Trouble, st.lists(FAULT, max_size=3), st.none() | st.none() | st.integers(0, 24))


@dataclass
class Model:
    """What should be registered, told without a word about how."""

    program: dict[str, Properties] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    """Registered by others, and not adopted."""
    doubtful: set[str] = field(default_factory=set)
    """What a command that failed may have registered, or lost out of sight."""

    def identities(self) -> dict[str, str]:
        """The name of the resource that declares each."""
        return {identity(arguments): name for name, arguments in self.program.items()}


def identity(arguments: Properties) -> str:
    return f"{arguments['model_saved_name']}/{arguments['model_config']['model_version']}"


class Lives(RuleBasedStateMachine):
    """One stack, its program, what others do to the same account, and what goes wrong."""

    world: ClassVar[World]
    counted: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.world.turn()
        self.corner: Corner = self.world.corner()
        self.engine = self.corner.engine
        self.model = Model()
        self.keys = [self.corner.secrets.make(f"key {number} of a model") for number in range(2)]
        self.fresh_machines = False
        """Whether each command runs on a machine that remembers nothing."""
        self.disturbed = False
        """Whether somebody else's hand, or a lying answer, makes a refresh necessary."""

    @initialize(program=PROGRAMS, adopt=st.booleans(), trouble=TROUBLES, fresh=st.sampled_from([False, False, True]))
    def begin(self, program: Program, adopt: bool, trouble: Trouble, fresh: bool) -> None:
        self.fresh_machines = fresh
        self.up_with_another_program(program, adopt, trouble)

    # ---- what the program says

    @rule(name=NAMES, which=IDENTITIES, text=TEXTS, key=st.integers(0, 1), adopt=st.booleans())
    def declare(self, name: str, which: tuple[str, str], text: str, key: int, adopt: bool) -> None:
        if self.model.identities().get("/".join(which), name) != name:
            return
        options = {"adopt_existing": True} if adopt else {}
        self.model.program[name] = model(
            which[0], self.keys[key], config__model_version=which[1], config__system_prompt=text, **options
        )

    @rule(name=NAMES)
    def undeclare(self, name: str) -> None:
        self.model.program.pop(name, None)

    @precondition(lambda self: len(self.model.program) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        """Two resources swap what they declare, and may adopt."""
        program = self.model.program
        one, other = data.draw(st.sampled_from(list(combinations(sorted(program), 2))))
        program[one], program[other] = program[other], program[one]
        for name in (one, other):
            program[name] = {**program[name], "adopt_existing": True}

    @precondition(lambda self: self.model.program)
    @rule(data=st.data(), to=NAMES, adopt=st.booleans())
    def rename_resource(self, data: st.DataObject, to: str, adopt: bool) -> None:
        """A resource gets another name in the program, without an alias."""
        name = data.draw(st.sampled_from(sorted(self.model.program)))
        if to not in self.model.program:
            arguments = self.model.program.pop(name)
            self.model.program[to] = {**arguments, **({"adopt_existing": True} if adopt else {})}

    # ---- what others do, and what goes wrong

    @rule(which=IDENTITIES, text=TEXTS)
    def somebody_registers(self, which: tuple[str, str], text: str) -> None:
        id_ = "/".join(which)
        if id_ not in self.corner.registered():
            theirs = model(which[0], self.keys[0], config__model_version=which[1], config__system_prompt=text)
            self.world.add(self.corner.account, theirs)
            self.disturbed = True
            self.model.theirs.add(id_)

    @precondition(lambda self: self.corner.registered())
    @rule(data=st.data(), text=TEXTS)
    def somebody_changes(self, data: st.DataObject, text: str) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.corner.registered())))
        name, _, version = id_.partition("/")
        (key,) = self.corner.registered()[id_]["model_config"]["apikeys"]  # no refresh could see another
        changed = model(name, key, config__model_version=version, config__system_prompt=text)
        self.world.change(self.corner.account, changed)
        self.disturbed = True

    @precondition(lambda self: self.corner.registered())
    @rule(data=st.data())
    def somebody_deletes(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.corner.registered())))
        self.world.delete(self.corner.account, id_)
        self.model.theirs.discard(id_)
        self.disturbed = True

    @rule()
    def go_on_elsewhere(self) -> None:
        """Another machine takes over: it has the state, and remembers nothing."""
        self.corner.machine = self.engine.machine = self.corner.another_machine()
        self.model.doubtful |= self.corner.registered().keys() - self._held()

    @rule()
    def change_the_endpoint(self) -> None:
        """The stack moves to another account, in which nothing is registered."""
        self.corner.move()
        self.model.theirs, self.model.doubtful = set(), set()

    # ---- commands

    @rule(trouble=TROUBLES, forced=st.sets(NAMES, max_size=2))
    def up(self, trouble: Trouble, forced: set[str]) -> None:
        self._up(trouble, forced)

    @rule(program=PROGRAMS, adopt=st.booleans(), trouble=TROUBLES)
    def up_with_another_program(self, program: Program, adopt: bool, trouble: Trouble) -> None:
        self.model.program = {}
        for name, (which, text, key) in program.items():
            self.declare(name, which, text, key, adopt)
        self._up(trouble)

    def _up(self, trouble: Trouble, forced: Collection[str] = ()) -> None:
        wanted = set(self.model.identities())
        go = lambda: self.engine.up(self.model.program, replace=forced)  # noqa: E731 - shorter than a function of its own
        if self._run(go, trouble, may_go=None, stay=wanted) is None and not self.disturbed:
            self._is_as_declared()

    @rule(trouble=TROUBLES)
    def refresh(self, trouble: Trouble) -> None:
        live = set(self.corner.registered())
        if self._run(self.engine.refresh, trouble, may_go=set(), stay=live) is None and not trouble.lies:
            self.disturbed = False
        out_of_sight = live - self._held()
        self.model.doubtful |= out_of_sight - self.model.theirs

    @rule(trouble=TROUBLES)
    def destroy(self, trouble: Trouble) -> None:
        held = self._held()
        error = self._run(self.engine.destroy, trouble, may_go=held, stay=set(self.corner.registered()) - held)
        if error is None:
            assert not held & self.corner.registered().keys(), "a destroyed model is registered still"

    def _run(
        self, command: Callable[[], None], trouble: Trouble, *, may_go: set[str] | None, stay: set[str]
    ) -> BaseException | None:
        """Runs a command in trouble; what must not change has not changed."""
        if self.fresh_machines:
            self.go_on_elsewhere()
        before = self.corner.registered()
        held = self._held()
        self.world.turn(*trouble.faults)
        self.corner.machine.death.after = trouble.death
        error = self.corner.failure(command)
        self.corner.machine.death.after = None
        self.world.turn()
        self._note(error)
        self.disturbed |= trouble.lies
        after = self.corner.registered()
        gone = before.keys() - after.keys()
        assert error is None or isinstance(error, (EnkryptError, Killed)), f"a bug: {error!r}"
        assert not gone & stay, f"lost: {gone & stay}"
        assert gone <= (held if may_go is None else may_go), f"deleted without being ours: {gone}"
        both = before.keys() & after.keys()
        made_again = {id_ for id_ in both if before[id_]["model_id"] != after[id_]["model_id"]}
        assert not made_again & stay, f"deleted and made again: {made_again}"
        self._theirs_are_untouched(before, after)
        if error is not None:
            self.model.doubtful |= after.keys() - self._held()
        return error

    def _held(self) -> set[str]:
        """The registrations that the state stands for: by their numbers, not by their names."""
        found = self.corner.registered()
        numbers = {(it.id, it.outputs.get("model_id")) for it in self.engine.state}
        return {id_ for id_, model in found.items() if (id_, model["model_id"]) in numbers}

    def _note(self, error: BaseException | None) -> None:
        self.counted["commands"] += 1
        self.counted["commands that failed"] += isinstance(error, EnkryptError)
        self.counted["machines that died in the midst of a command"] += isinstance(error, Killed)

    def _theirs_are_untouched(self, before: Mapping[str, Properties], after: Mapping[str, Properties]) -> None:
        """What others registered is touched only by who may adopt it, and is ours from then on."""
        names = self.model.identities()
        for id_ in sorted(self.model.theirs):
            name = names.get(id_)
            if name is not None and self.model.program[name].get("adopt_existing"):
                if before.get(id_) != after.get(id_):
                    self.model.theirs.discard(id_)
            elif id_ not in self._held():
                assert before.get(id_) == after.get(id_), f"{id_} is somebody else's, and was touched"
        self.model.theirs -= self._held()

    # ---- what must hold

    @invariant()
    def nothing_is_doubled(self) -> None:
        """Each name and version is registered once, and what nobody declared, made or left behind is not there."""
        known = {*self.model.identities(), *self.model.theirs, *self.model.doubtful}
        known |= {it.id for it in self.engine.state}
        assert self.corner.registered().keys() <= known

    @invariant()
    def what_was_left_at_other_accounts_stays(self) -> None:
        assert {account: self.world.registered(account) for account in self.corner.left} == self.corner.left

    @invariant()
    def no_secret_is_shown(self) -> None:
        assert self.corner.leaks() == []

    def teardown(self) -> None:
        """With nothing failing any more, at most a refresh and one `up` end with exactly what is declared."""
        self.counted["sequences"] += 1
        if self.disturbed:
            assert self.corner.failure(self.engine.refresh) is None
        error = self.corner.failure(lambda: self.engine.up(self.model.program))
        while isinstance(error, ModelExists) and (name := self._rightly_refused(str(error))):
            self.counted["names that had to be adopted"] += 1
            self.model.program[name] = {**self.model.program[name], "adopt_existing": True}
            error = self.corner.failure(lambda: self.engine.up(self.model.program))
        assert error is None, f"was not made up for: {error!r}"
        self._is_as_declared()
        assert self.corner.leaks() == []
        assert self.world.refused() == 0

    def _rightly_refused(self, error: str) -> str | None:
        """The resource that was refused what is somebody else's, or what nobody can prove to be ours."""
        id_ = error.partition(" is registered already")[0]
        name = self.model.identities().get(id_)
        of_another_resource = {it.id for it in self.engine.state if it.name != name}
        may_be_refused = id_ in self.model.theirs | self.model.doubtful | of_another_resource
        return name if name and may_be_refused and "adopt_existing=True" in error else None

    def _is_as_declared(self) -> None:
        declared = self.model.identities()
        extra = self.corner.registered().keys() - declared.keys()
        assert extra <= self.model.theirs | self.model.doubtful
        problems = self.corner.wrong(self.model.program)
        assert [it for it in problems if it not in {f"{id_} is registered and not declared" for id_ in extra}] == []
        self.model.doubtful -= declared.keys()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_happens_the_next_up_ends_with_what_is_declared(tmp_path: Path, chunk: int, count: Count) -> None:
    """After any sequence of commands, faults, deaths and other people's doings, nothing is doubled, lost or leaked,
    and one `up` makes the API, the state and the program agree."""
    Lives.counted = dict.fromkeys(
        ("sequences", "commands", "commands that failed", "machines that died in the midst of a command",
         "names that had to be adopted"), 0,
    )  # fmt: skip
    number = int(os.environ["FAULTS_SEED"]) * 1000 + chunk
    limits = settings(
        max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None, database=None, verbosity=Verbosity.normal,
        phases=PHASES, suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    with world_of(tmp_path, **WORLDS[chunk % len(WORLDS)]) as Lives.world:
        run_state_machine_as_test(seed(number)(Lives), settings=limits)
    for what, number in Lives.counted.items():
        count(f"random lives of a stack: {what}", number)
