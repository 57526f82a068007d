"""Random command sequences of a stack, with random faults and kills, against a plain model of the registrations."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from enkrypt_provider.emulator import LIKE_VENDOR
from enkrypt_provider.errors import EnkryptError, ModelExists
from enkrypt_provider.kinds.deployment import DEPLOYMENT
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Kind
from enkrypt_provider.kinds.model import MODEL

from .conftest import FULL, Count
from .miniature import PROVIDER, Killed, Properties, kind_of
from .scenes import deployment, model, policy
from .ways import WAYS
from .world import AWAY, Corner, World, label, number_of, world_of

CHUNKS = 50 if FULL else 4
SEQUENCES = 50 if FULL else 15
STEPS = 20
PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("FAULTS_SHRINK") else [])]

NAMES = st.sampled_from("abcd")
PROVIDERS = st.sampled_from(["", "", "", AWAY])
IDENTITIES = st.sampled_from([("x", "1"), ("x", "2"), ("y", "1"), ("z", "1")])
TEXTS = st.sampled_from(["", "one", "two"])
CALLS = st.sampled_from(["add", "add", "get", "list", "modify", "delete", "delete", "*"])
# Excluded: delays, which need a socket, and huge bodies, which have their own tests.
FAULTS = st.sampled_from([way.fault for way in WAYS if not {"delay", "size"} & way.fault.keys()])
WHEN = st.sampled_from([{}, {"first": 1}, {"first": 1}, {"first": 2}, {"first": 4}, {"nth": 2}, {"nth": 3}])
FAULT = st.builds(lambda call, fault, when: {"call": call, **fault, **when}, CALLS, FAULTS, WHEN)
PROGRAMS = st.dictionaries(NAMES, st.tuples(IDENTITIES, TEXTS, st.integers(0, 1), PROVIDERS), min_size=1)
Cast = Mapping[str, Kind]
MODELS, POLICIES, DEPLOYMENTS = (dict.fromkeys("abcd", kind) for kind in (MODEL, GUARDRAILS_POLICY, DEPLOYMENT))
ALL_THREE: Cast = {"a": MODEL, "b": MODEL, "c": GUARDRAILS_POLICY, "d": DEPLOYMENT}
CASTS: tuple[tuple[str, Cast], ...] = (
    ("models", MODELS), ("policies", POLICIES), ("all three kinds", ALL_THREE), ("deployments", DEPLOYMENTS),
    ("models", MODELS), ("all three kinds", ALL_THREE), ("models", MODELS),
)  # fmt: skip
"""The kind of each resource of a stack, by name."""
WORLDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a plain server", {}),
    ("rate limits", {"limits": LIKE_VENDOR}),
    ("a server that normalises", {"quirks": "host,slash,order,mask,extra,echo"}),
    ("dialect v2", {"dialect": "v2"}),
    ("lock-outs", {"limits": LIKE_VENDOR, "paced": False}),
    ("dialect v2, rate limits, a server that normalises",
     {"dialect": "v2", "limits": LIKE_VENDOR, "quirks": "order,noslash,omit"}),
)  # fmt: skip
Program = Mapping[str, tuple[tuple[str, str], str, int, str]]


@dataclass(frozen=True)
class Trouble:
    """Faults and death during a command."""

    faults: Sequence[Mapping[str, Any]]
    death: int | None
    """The number of moments (request, response, end of operation) after which the machine dies, if it does."""

    @property
    def lies(self) -> bool:
        """Whether a response may hide a registration, which then only a refresh shows."""
        return any(fault.get("stale") or fault.get("status", 500) < 500 for fault in self.faults)


TROUBLES = st.builds(Trouble, st.lists(FAULT, max_size=3), st.none() | st.none() | st.integers(0, 24))


@dataclass
class Model:
    """The expected registrations, independent of how they come about."""

    program: dict[str, Properties] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    """Registered by others and not adopted."""
    doubtful: set[str] = field(default_factory=set)
    """Registrations that a failed command may have created or lost track of."""

    def identities(self) -> dict[str, str]:
        """Each declared label, with the name of its resource."""
        return {labelled(arguments): name for name, arguments in self.program.items()}

    def whole(self) -> dict[str, Properties]:
        """The program, with deployments referring to the model and the policy that it declares."""
        return {name: {**it, **self._taken(it)} for name, it in self.program.items()}

    def _taken(self, arguments: Properties) -> Properties:
        beside = [it for it in self.program.values() if it.get(PROVIDER, "") == arguments.get(PROVIDER, "")]
        served = next((it for it in beside if kind_of(it) is MODEL), None)
        rules = next((it for it in beside if kind_of(it) is GUARDRAILS_POLICY), None)
        taken: Properties = {}
        if kind_of(arguments) is DEPLOYMENT and served:
            version = served["model_config"]["model_version"]
            taken.update(model_saved_name=served["model_saved_name"], model_version=version)
        if kind_of(arguments) is DEPLOYMENT and rules:
            taken.update(
                input_guardrails_policy={"policy_name": rules["name"], "enabled": True, "block": ["toxicity"]}
            )
        return taken


def labelled(arguments: Properties) -> str:
    kind = kind_of(arguments)
    return label(kind, str(kind.identity_of(arguments)), arguments.get(PROVIDER, ""))


def arguments_of(kind: Kind, which: tuple[str, str], text: str, key: str) -> Properties:
    """The arguments of one resource: its identity `which`, and the text of one field."""
    if kind is MODEL:
        return model(which[0], key, config__model_version=which[1], config__system_prompt=text)
    name = f"{kind.noun[0]}{''.join(which)}"
    return policy(name, text) if kind is GUARDRAILS_POLICY else deployment(name, text or "served")


class Lives(RuleBasedStateMachine):
    """One stack and its program, other people's changes in the same account, and faults."""

    world: ClassVar[World]
    cast: ClassVar[Cast]
    counted: ClassVar[Counter[str]]
    kinds: ClassVar[str]
    server: ClassVar[str]
    frontend: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.world.turn()
        self.corner: Corner = self.world.corner()
        self.engine = self.corner.engine
        self.model = Model()
        self.keys = [self.corner.secrets.make(f"key {number} of a model") for number in range(2)]
        self.fresh_machines = False
        """Whether each command runs on a machine without a journal."""
        self.past: list[dict[str, Properties]] = []
        """The program of each `up` so far."""
        self.disturbed = False
        """Whether other people's changes or a false response make a refresh necessary."""
        self.deleted_unseen = False
        """Whether a killed command deleted something, which only the machine's journal records, not the state."""

    @initialize(program=PROGRAMS, adopt=st.booleans(), trouble=TROUBLES, fresh=st.sampled_from([False, False, True]))
    def begin(self, program: Program, adopt: bool, trouble: Trouble, fresh: bool) -> None:
        self.fresh_machines = fresh
        self.up_with_another_program(program, adopt, trouble)

    # ---- changes of the program

    @rule(name=NAMES, which=IDENTITIES, text=TEXTS, key=st.integers(0, 1), adopt=st.booleans(), provider=PROVIDERS)
    def declare(self, name: str, which: tuple[str, str], text: str, key: int, adopt: bool, provider: str) -> None:
        options = {**({"adopt_existing": True} if adopt else {}), **({PROVIDER: provider} if provider else {})}
        arguments = {**arguments_of(self.cast[name], which, text, self.keys[key]), **options}
        if self.model.identities().get(labelled(arguments), name) == name:
            self.model.program[name] = arguments

    @rule(name=NAMES)
    def undeclare(self, name: str) -> None:
        self.model.program.pop(name, None)

    def _pairs(self) -> list[tuple[str, str]]:
        """Pairs of resources of the same kind."""
        return [
            pair for pair in combinations(sorted(self.model.program), 2) if len({self.cast[it] for it in pair}) == 1
        ]

    @precondition(lambda self: self._pairs())
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        """Two resources swap their arguments, and may adopt."""
        program = self.model.program
        one, other = data.draw(st.sampled_from(self._pairs()))
        program[one], program[other] = program[other], program[one]
        for name in (one, other):
            program[name] = {**program[name], "adopt_existing": True}

    @precondition(lambda self: self.model.program)
    @rule(data=st.data(), to=NAMES, adopt=st.booleans())
    def rename_resource(self, data: st.DataObject, to: str, adopt: bool) -> None:
        """A resource gets another name in the program, without an alias."""
        name = data.draw(st.sampled_from(sorted(self.model.program)))
        if to not in self.model.program and self.cast[to] is self.cast[name]:
            arguments = self.model.program.pop(name)
            self.model.program[to] = {**arguments, **({"adopt_existing": True} if adopt else {})}

    @precondition(lambda self: self.past)
    @rule(back=st.integers(1, 3))
    def revert(self, back: int) -> None:
        """The program is reverted to an earlier one, as after a failed `up`."""
        self.model.program = dict(self.past[-min(back, len(self.past))])

    # ---- changes by others, and moves

    @rule(name=NAMES, which=IDENTITIES, text=TEXTS, provider=PROVIDERS)
    def somebody_registers(self, name: str, which: tuple[str, str], text: str, provider: str) -> None:
        theirs = arguments_of(self.cast[name], which, text, self.keys[0])
        id_ = labelled({**theirs, PROVIDER: provider})
        if id_ not in self.corner.registered():
            self.world.add(self.corner.account_of(id_), theirs)
            self.disturbed = True
            self.model.theirs.add(id_)

    @precondition(lambda self: self.corner.registered())
    @rule(data=st.data(), text=TEXTS)
    def somebody_changes(self, data: st.DataObject, text: str) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.corner.registered())))
        live = self.corner.registered()[id_]
        kind = kind_of(live)
        identity = kind.identity_in(live)
        changed = policy(identity.name, text) if kind is GUARDRAILS_POLICY else deployment(identity.name, text or "x")
        if kind is MODEL:
            (key,) = live["model_config"]["apikeys"]  # no refresh shows a different key
            changed = arguments_of(MODEL, (identity.name, identity.version), text, key)
        self.world.change(self.corner.account_of(id_), changed)
        self.disturbed = True

    @precondition(lambda self: self.corner.registered())
    @rule(data=st.data())
    def somebody_deletes(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.corner.registered())))
        self.world.delete(self.corner.account_of(id_), id_)
        self.model.theirs.discard(id_)
        self.disturbed = True

    @rule()
    def go_on_elsewhere(self) -> None:
        """Another machine takes over, with the state but without a journal."""
        self.corner.machine = self.engine.machine = self.corner.another_machine()
        self.model.doubtful |= self.corner.registered().keys() - self.corner.held()
        self.disturbed |= self.deleted_unseen

    @rule()
    def change_the_endpoint(self) -> None:
        """The stack moves to another account, in which nothing is registered."""
        self.corner.move()
        for known in (self.model.theirs, self.model.doubtful):
            known.intersection_update({id_ for id_ in known if id_.startswith(AWAY)})
        left = self.corner.left[[*self.corner.left][-1]]
        self.counted["endpoint changes that left a registration behind"] += bool(left)

    # ---- commands

    @rule(trouble=TROUBLES, forced=st.sets(NAMES, max_size=2), refresh=st.booleans(), goes_on=st.booleans())
    def up(self, trouble: Trouble, forced: set[str], refresh: bool, goes_on: bool) -> None:
        self._up(trouble, forced, refresh=refresh, goes_on=goes_on)

    @rule(program=PROGRAMS, adopt=st.booleans(), trouble=TROUBLES)
    def up_with_another_program(self, program: Program, adopt: bool, trouble: Trouble) -> None:
        self.model.program = {}
        for name, (which, text, key, provider) in program.items():
            self.declare(name, which, text, key, adopt, provider)
        self._up(trouble)

    def _up(
        self, trouble: Trouble, forced: Collection[str] = (), *, refresh: bool = False, goes_on: bool = False
    ) -> None:
        self.past.append(dict(self.model.program))
        wanted = set(self.model.identities()) - self._deleted_first() - self._replaced_by_others()
        if goes_on:  # deletes happen even if the resource that should take over failed
            wanted &= self._held_by_its_declarer()
        go = partial(self.engine.up, self.model.whole(), replace=forced, refresh=refresh, goes_on=goes_on)
        if self._run(go, trouble, may_go=self._stood_for(refresh), stay=wanted) is None and not self.disturbed:
            self._is_as_declared()

    def _stood_for(self, refresh: bool) -> set[str]:
        """The registrations that the state represents; after a refresh, also any registered again under its names."""
        if not refresh:
            return self.corner.held()
        return {label(it.kind, it.id, it.provider) for it in self.engine.state} & self.corner.registered().keys()

    def _replaced_by_others(self) -> set[str]:
        """Registrations that others replaced since the last refresh: the state does not represent them."""
        found, declared = self.corner.registered(), self.model.identities()
        held = [(label(it.kind, it.id, it.provider), it) for it in self.engine.held().values()]
        known = [(id_, it) for id_, it in held if declared.get(id_) == it.name and id_ in found]
        return {id_ for id_, it in known if number_of(found[id_]) != it.outputs.get(it.kind.number)}

    def _held_by_its_declarer(self) -> set[str]:
        declared = self.model.identities()
        held = ((label(it.kind, it.id, it.provider), it.name) for it in self.engine.held().values())
        return {id_ for id_, name in held if declared.get(id_) == name}

    def _deleted_first(self) -> set[str]:
        """The registrations that are deleted before their replacement is created: those of renamed deployments."""
        declared = {name: labelled(it) for name, it in self.model.program.items()}
        held = {it.name: label(it.kind, it.id, it.provider) for it in self.engine.state if it.kind.deletes_first}
        return {id_ for name, id_ in held.items() if declared.get(name, id_) != id_}

    @rule(trouble=TROUBLES)
    def refresh(self, trouble: Trouble) -> None:
        live = set(self.corner.registered())
        if self._run(self.engine.refresh, trouble, may_go=set(), stay=live) is None and not trouble.lies:
            self.disturbed = self.deleted_unseen = False
        out_of_sight = live - self.corner.held()
        self.model.doubtful |= out_of_sight - self.model.theirs

    @rule(trouble=TROUBLES, refresh=st.booleans())
    def destroy(self, trouble: Trouble, refresh: bool) -> None:
        held, may_go = self.corner.held(), self._stood_for(refresh)
        go = partial(self.engine.destroy, refresh=refresh)
        error = self._run(go, trouble, may_go=may_go, stay=set(self.corner.registered()) - may_go)
        if error is None and not (refresh and trouble.lies):  # a false response may make the refresh drop it
            assert not held & self.corner.registered().keys(), "a destroyed resource is still registered"

    def _run(
        self, command: Callable[[], None], trouble: Trouble, *, may_go: set[str], stay: set[str]
    ) -> BaseException | None:
        """Runs a command with faults, and checks everything that must not change."""
        if self.fresh_machines:
            self.go_on_elsewhere()
        before = self.corner.registered()
        self.world.turn(*map(self._aimed, trouble.faults))
        self.corner.machine.death.after = trouble.death
        error = self.corner.failure(command)
        self.corner.machine.death.after = None
        self.world.turn()
        self._note(error)
        self.disturbed |= trouble.lies
        after = self.corner.registered()
        gone = before.keys() - after.keys()
        self.deleted_unseen |= bool(gone) and isinstance(error, Killed)
        assert error is None or isinstance(error, (EnkryptError, Killed)), f"a bug: {error!r}"
        assert not gone & stay, f"lost: {gone & stay}"
        assert gone <= may_go, f"deleted although the state does not represent it: {gone}"
        self.model.theirs -= gone
        both = before.keys() & after.keys()
        replaced = {id_ for id_ in both if number_of(before[id_]) != number_of(after[id_])}
        assert not replaced & stay, f"deleted and registered again: {replaced}"
        self._theirs_are_untouched(before, after)
        if error is not None or trouble.lies:  # a false response may have lost track of it
            self.model.doubtful |= after.keys() - self.corner.held()
        self._check_invariants()
        return error

    def _aimed(self, fault: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fault, aimed at a call of one of this stack's kinds."""
        kinds = sorted({*self.cast.values()}, key=lambda kind: kind.noun)
        call = getattr(kinds[len(str(fault)) % len(kinds)].calls, fault["call"], "*")
        return {**fault, "call": call.replace("-", "_")}

    def _note(self, error: BaseException | None) -> None:
        self.counted["commands"] += 1
        self.counted[f"commands for stacks of {self.kinds}"] += 1
        self.counted[f"commands against {self.server}"] += 1
        self.counted[f"commands with the {self.frontend} front end"] += 1
        self.counted["commands on a machine without a journal"] += self.fresh_machines
        here = {(it.kind, it.id) for it in self.engine.state if not it.provider}
        there = {(it.kind, it.id) for it in self.engine.state if it.provider}
        self.counted["commands after which a stack held the same name in two accounts"] += bool(here & there)
        self.counted["failed commands"] += isinstance(error, EnkryptError)
        self.counted["machines that died during a command"] += isinstance(error, Killed)

    def _theirs_are_untouched(self, before: Mapping[str, Properties], after: Mapping[str, Properties]) -> None:
        """Others' registrations are changed only by a resource that may adopt them, and then belong to the stack."""
        names = self.model.identities()
        for id_ in sorted(self.model.theirs):
            name = names.get(id_)
            if name is not None and self.model.program[name].get("adopt_existing"):
                if before.get(id_) != after.get(id_):
                    self.model.theirs.discard(id_)
            elif id_ not in self.corner.held():
                assert before.get(id_) == after.get(id_), f"{id_} is not managed by this stack, but was changed"
        self.model.theirs -= self.corner.held()

    # ---- what must hold, after each command

    def _check_invariants(self) -> None:
        """Nothing is registered that is not declared, in the state, others' or in doubt; accounts that the stack
        moved away from are unchanged; no secret is shown."""
        known = {*self.model.identities(), *self.model.theirs, *self.model.doubtful}
        known |= {label(it.kind, it.id, it.provider) for it in self.engine.state}
        assert self.corner.registered().keys() <= known
        assert {account: self.world.registered(account) for account in self.corner.left} == self.corner.left
        assert self.corner.leaks() == []

    def teardown(self) -> None:
        """Without faults, at most a refresh and one `up` end with exactly the declared registrations."""
        self.counted["sequences"] += 1
        if self.disturbed:
            assert self.corner.failure(self.engine.refresh) is None
        error = self.corner.failure(lambda: self.engine.up(self.model.whole()))
        while isinstance(error, ModelExists) and (name := self._rightly_refused(str(error))):
            self.counted["names that had to be adopted"] += 1
            self.model.program[name] = {**self.model.program[name], "adopt_existing": True}
            error = self.corner.failure(lambda: self.engine.up(self.model.whole()))
        assert error is None, f"was not repaired: {error!r}"
        self._is_as_declared()
        self._check_invariants()
        assert self.world.refused() == 0 or not self.world.rates

    def _rightly_refused(self, error: str) -> str | None:
        """The resource that was rightly refused a registration: somebody else's, or not provably its own."""
        id_ = error.partition(" is registered already")[0]
        for declared, name in self.model.identities().items():
            arguments = self.model.program[name]
            is_meant = str(kind_of(arguments).identity_of(arguments)) == id_ and not arguments.get("adopt_existing")
            # The engine does not tell the provider about objects that an interrupted replacement left to be deleted.
            of_others = {label(it.kind, it.id, it.provider) for it in self.engine.state if it.name != name or it.goes}
            may_be_refused = declared in self.model.theirs | self.model.doubtful | of_others
            if is_meant and may_be_refused and "adopt_existing=True" in error:
                return name
        return None

    def _is_as_declared(self) -> None:
        declared = self.model.identities()
        extra = self.corner.registered().keys() - declared.keys()
        assert extra <= self.model.theirs | self.model.doubtful
        problems = self.corner.disagreements(self.model.whole())
        assert [it for it in problems if it not in {f"{id_} is registered and not declared" for id_ in extra}] == []
        self.model.doubtful -= declared.keys()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_after_any_history_one_up_ends_with_the_declared_state(memory: Path, chunk: int, count: Count) -> None:
    """After any sequence of commands, faults, kills and other people's changes, nothing is duplicated, lost or
    leaked, and one `up` makes the API, the state and the program agree."""
    Lives.counted = Counter()
    number = int(os.environ["FAULTS_SEED"]) * 1000 + chunk
    limits = settings(
        max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None, database=None, verbosity=Verbosity.normal,
        phases=PHASES, suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    Lives.server, options = WORLDS[chunk % len(WORLDS)]
    Lives.kinds, Lives.cast = CASTS[chunk % len(CASTS)]
    is_native = bool(chunk // 2 % 2)
    Lives.frontend = "native" if is_native else "dynamic"
    with world_of(memory, is_native=is_native, **options) as Lives.world:
        run_state_machine_as_test(seed(number)(Lives), settings=limits)
        Lives.counted["lock-outs waited out"] += Lives.world.refused()
    for what, number in Lives.counted.items():
        count(f"random lives of a stack: {what}", number)
