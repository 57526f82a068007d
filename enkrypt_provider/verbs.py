"""The six verbs in the order of a resource's life: check, diff, create, read, update, delete.

Each turns what the engine hands over into documents, asks `diff` or the `Account`, and turns the outcome back.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from typing import Any, Final

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from . import schema
from .account import Account
from .client import EnkryptClient, announce
from .core import diff as differences
from .errors import ConfigurationError, DeletionProtected, plain
from .fields import COMPUTED, OWNER, TOKEN
from .ledger import Ledger, this_run
from .schema import Identifier, Properties
from .settings import Settings

REACHED_BY: Final = (
    "model_config.endpoint",
    "model_config.paths",
    "model_config.auth_data",
    "model_config.apikeys",
    "model_config.is_compatible_with",
    "model_config.model_auth_type",
    "model_config.model_jwt_config",
    "model_config.custom_",
)
"""The fields of which a change can make a model unreachable."""


class Verbs:
    """The verbs for one configuration. What is wrong with that is told by the verb that needs it."""

    def __init__(self, connected: Account | ConfigurationError) -> None:
        self._connected = connected
        self._checked: dict[Identifier, Properties] = {}

    @classmethod
    def configured(cls, get: Callable[[str], Any]) -> Verbs:
        """The verbs for a stack's configuration, then the environment."""
        try:
            return cls(Account(EnkryptClient(Settings.from_config(get)), ledger=Ledger(this_run(sys.argv))))
        except ConfigurationError as error:
            return cls(error)

    @property
    def account(self) -> Account:
        """The account. Raises `ConfigurationError` where the settings give none."""
        if isinstance(self._connected, ConfigurationError):
            raise self._connected
        return self._connected

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        """Parses the arguments, some of them not known yet; calls nothing unless `enkrypt:checkOnline` is set."""
        if isinstance(self._connected, ConfigurationError):
            return CheckResult(dict(news), [_failure(self._connected)])
        dialect = self._connected.client.settings.dialect
        untouched = schema.untouched(olds, news, dialect)
        inputs, problems = (untouched, []) if untouched else schema.parse(news, dialect)
        if problems:
            return CheckResult(inputs, [_failure(problem) for problem in problems])
        identity = schema.known_identity(inputs)
        if identity and not untouched:
            self._checked[identity] = dict(inputs)  # a copy: the engine's host writes into what it is given
        for doubt in schema.doubts(inputs, dialect):
            announce(f"warning: {identity or 'a model'}: {doubt}")
        trouble = self._declared_twice(identity, str(news.get(OWNER, "")))
        if not trouble and not untouched:
            trouble = self._met_online(identity, inputs, olds)
        return CheckResult(inputs, [_failure(trouble)] if trouble else [])

    def _met_online(self, identity: Identifier | None, inputs: Properties, olds: Properties) -> str:
        """What the API says of a create to come, where `enkrypt:checkOnline` wants it asked."""
        if identity is None or not self.account.client.settings.check_online:
            return ""
        held = bool(olds) and schema.known_identity(schema.from_engine(olds)) == identity
        return "" if held else self.account.meet(identity, adopt=inputs.get("adopt_existing") is True)

    def _declared_twice(self, identity: Identifier | None, owner: str) -> str:
        first = self.account.ledger.declare(identity, owner) if identity and owner else owner
        return "" if first == owner else f"{identity} is declared twice, here and as {_name_in(first)}"

    def diff(self, id_: str, olds: Properties, news: Properties) -> DiffResult:
        """Compares what the state holds with what is declared."""
        identity = Identifier.parse(id_)
        lost = self.account.has_lost(identity)
        if schema.known_identity(news) == identity:  # what this resource gives up, another may take
            self.account.ledger.keep(identity, _token(olds))
        if not lost and schema.is_same(schema.declared(olds), schema.declared(news)):
            return DiffResult(changes=False, replaces=[], delete_before_replace=False)
        found = differences.changes(_held(olds, lost), schema.from_engine(news))
        replaces = [c.path for c in found if c.rule is differences.Rule.REPLACE]
        if replaces:
            _refuse_if_protected(id_, olds)
        if found and all(change.rule is differences.Rule.SECRET for change in found):
            # The engine shows `[secret]` on both sides: say at least whose and which.
            announce(f"{plain(id_)}: its keys change ({', '.join(change.path for change in found)})")
        return DiffResult(changes=bool(found), replaces=replaces, delete_before_replace=False)

    def create(self, props: Properties) -> CreateResult:
        """Registers the model, once."""
        inputs = self._as_checked(props)
        live = self.account.create(inputs)
        self._verify(live.identity, inputs)
        token = secrets.token_hex(4)
        self.account.ledger.hold(live.identity, token)
        return CreateResult(str(live.identity), _outputs(inputs, live.computed, token))

    def _as_checked(self, props: Properties) -> Properties:
        """What `check` made of the arguments, where they are these; parsed anew where they are not."""
        identity = schema.known_identity(props)
        checked = self._checked.pop(identity, None) if identity else None
        return checked if checked and schema.is_same(schema.declared(props), checked) else schema.from_engine(props)

    def read(self, id_: str, props: Properties) -> ReadResult:
        """The live registration, as outputs and as inputs, so that drift shows; an empty id where it is gone."""
        live = self.account.find(Identifier.parse(id_))
        if live is None:
            return ReadResult("", {})
        declared = schema.from_engine(props)
        if props.get("model_id") not in (None, live.computed.get("model_id")):
            declared = differences.without_secrets(declared)  # somebody made it anew, with keys of their own
        inputs = schema.from_engine(differences.settle(declared, live))
        return ReadResult(str(live.identity), _outputs(inputs, live.computed, _token(props)), inputs)

    def update(self, id_: str, olds: Properties, news: Properties) -> UpdateResult:
        """Sends the whole object."""
        inputs, identity = schema.from_engine(news), Identifier.parse(id_)
        found = differences.changes(_held(olds, self.account.has_lost(identity)), inputs)
        if all(change.rule is differences.Rule.OPTION for change in found):
            return UpdateResult(_outputs(inputs, _computed(olds), _token(olds)))
        live = self.account.update(identity, inputs)
        if any(change.path.startswith(REACHED_BY) for change in found):
            self._verify(identity, inputs)
        return UpdateResult(_outputs(inputs, live.computed, _token(olds)))

    def _verify(self, identity: Identifier, inputs: Properties) -> None:
        if inputs.get("verify_health"):
            self.account.verify_health(identity, inputs)

    def delete(self, id_: str, props: Properties) -> None:
        """Deletes the registration; one that is gone already is done."""
        _refuse_if_protected(id_, props)
        self.account.delete(Identifier.parse(id_), _token(props), props.get("model_id"))


def _outputs(inputs: Properties, computed: Properties, token: str) -> Properties:
    # What was declared, not its echo: the server may mask a key or spell a number differently.
    # A fresh dict: the engine's host writes into it.
    return {**inputs, **computed, **({TOKEN: token} if token else {})}


def _held(olds: Properties, lost: bool) -> Properties:
    """What the state holds, without keys where they are another's by now: so they are sent again."""
    held = schema.from_engine(olds)
    return differences.without_secrets(held) if lost else held


def _computed(olds: Properties) -> Properties:
    return {name: olds[name] for name in COMPUTED if name in olds}


def _refuse_if_protected(id_: str, olds: Properties) -> None:
    if olds.get("deletion_protection"):
        raise DeletionProtected(
            f"{plain(id_)} is protected from deletion and replacement: set deletion_protection=False, run "
            "`pulumi up`, then try again"
        )


def _token(props: Properties) -> str:
    return str(props.get(TOKEN, ""))


def _name_in(owner: str) -> str:
    return repr(plain(owner.rpartition("/")[2]))


def _failure(problem: object) -> CheckFailure:
    # With a property's name the engine would print the property's value, secrets in the clear.
    return CheckFailure("", str(problem))
