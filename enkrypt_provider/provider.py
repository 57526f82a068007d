"""The six verbs in the order of a resource's life: check, diff, create, read, update, delete.

The module path of `EnkryptModelProvider` is a storage format: every state holds it. Never move or rename it,
and give it no attribute before `configure()`, which runs in the engine's process, after the pickle is read.
"""

from __future__ import annotations

import functools
import secrets
import sys
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from . import diff as differences
from . import schema
from .account import Account
from .client import EnkryptClient, announce
from .errors import ConfigurationError, DeletionProtected, EnkryptError, plain
from .schema import Identifier, Properties
from .settings import Settings

OWNER: Final = "__owner"
"""An input for `check` alone, PROJECT/STACK/NAME: never in the state."""
TOKEN: Final = "__token"  # noqa: S105
"""An output that no person sees: which create wrote this object into the state. A storage format."""

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

P = ParamSpec("P")
T = TypeVar("T")


def _one_line(verb: Callable[P, T]) -> Callable[P, T]:
    """Shows an expected error as one line in the console; a bug keeps its traceback."""

    @functools.wraps(verb)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        # Process-wide, and shared with other dynamic providers: given back at the next call.
        vars(sys).pop("tracebacklimit", None)
        try:
            return verb(*args, **kwargs)
        except EnkryptError as error:
            sys.tracebacklimit = 0
            raise error.with_traceback(None) from None

    return told


class EnkryptModelProvider(ResourceProvider):
    """Registers models with the Enkrypt AI Models API."""

    # It is 40 bytes that name a class: nothing to encrypt in every state and every diff.
    serialize_as_secret_always = False

    _settings: Settings | ConfigurationError
    _connected: Account

    def configure(self, req: ConfigureRequest) -> None:
        """Takes the stack's configuration. What is wrong with it is told by the verb that needs it."""
        try:
            self._settings = Settings.from_config(req.config.get)
            self._connected = Account(EnkryptClient(self._settings))
        except ConfigurationError as error:
            self._settings = error

    @property
    def _account(self) -> Account:
        if isinstance(self._settings, ConfigurationError):
            raise self._settings
        return self._connected

    @_one_line
    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Parses the arguments, some of them not known yet; calls nothing unless `enkrypt:checkOnline` is set."""
        if isinstance(self._settings, ConfigurationError):
            return CheckResult(dict(news), [_failure(self._settings)])
        dialect = self._settings.dialect
        inputs, problems = schema.parse(news, dialect)
        if problems:
            return CheckResult(inputs, [_failure(problem) for problem in problems])
        for doubt in schema.doubts(inputs, dialect):
            announce(f"warning: {doubt}")
        trouble = self._declared_twice(inputs, str(news.get(OWNER, ""))) or self._met_online(inputs, _olds)
        return CheckResult(inputs, [_failure(trouble)] if trouble else [])

    def _met_online(self, inputs: Properties, olds: Properties) -> str:
        """What the API says of a create to come, where `enkrypt:checkOnline` wants it asked."""
        identity = schema.known_identity(inputs)
        if identity is None or not self._account.client.settings.check_online:
            return ""
        held = bool(olds) and schema.known_identity(schema.from_engine(olds)) == identity
        return "" if held else self._account.meet(identity, adopt=inputs.get("adopt_existing") is True)

    def _declared_twice(self, inputs: Properties, owner: str) -> str:
        identity = schema.known_identity(inputs)
        first = self._account.ledger.declare(identity, owner) if identity and owner else owner
        return "" if first == owner else f"{identity} is declared twice, here and as {_name_in(first)}"

    @_one_line
    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compares what the state holds with what is declared."""
        self._account.ledger.hold(Identifier.parse(_id), _token(_olds))
        found = differences.changes(schema.from_engine(_olds), schema.from_engine(_news))
        replaces = [c.path for c in found if c.rule is differences.Rule.REPLACE]
        if replaces:
            _refuse_if_protected(_id, _olds)
        return DiffResult(changes=bool(found), replaces=replaces, delete_before_replace=False)

    @_one_line
    def create(self, props: Properties) -> CreateResult:
        """Registers the model, once."""
        inputs = schema.from_engine(props)
        live = self._account.create(inputs)
        self._verify(live.identity, inputs)
        token = secrets.token_hex(4)
        self._account.ledger.hold(live.identity, token)
        return CreateResult(str(live.identity), _outputs(inputs, live.computed, token))

    @_one_line
    def read(self, id_: str, props: Properties) -> ReadResult:
        """The live registration, as outputs and as inputs, so that drift shows; an empty id where it is gone."""
        live = self._account.find(Identifier.parse(id_))
        if live is None:
            return ReadResult("", {})
        inputs = schema.from_engine(differences.settle(schema.from_engine(props), live))
        return ReadResult(str(live.identity), _outputs(inputs, live.computed, _token(props)), inputs)

    @_one_line
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Sends the whole object."""
        inputs, identity = schema.from_engine(_news), Identifier.parse(_id)
        found = differences.changes(schema.from_engine(_olds), inputs)
        if all(change.rule is differences.Rule.OPTION for change in found):
            return UpdateResult(_outputs(inputs, _computed(_olds), _token(_olds)))
        live = self._account.update(identity, inputs)
        if any(change.path.startswith(REACHED_BY) for change in found):
            self._verify(identity, inputs)
        return UpdateResult(_outputs(inputs, live.computed, _token(_olds)))

    def _verify(self, identity: Identifier, inputs: Properties) -> None:
        if inputs.get("verify_health"):
            self._account.verify_health(identity, inputs)

    @_one_line
    def delete(self, _id: str, _props: Properties) -> None:
        """Deletes the registration; one that is gone already is done."""
        _refuse_if_protected(_id, _props)
        self._account.delete(Identifier.parse(_id), _token(_props))


def _outputs(inputs: Properties, computed: Properties, token: str) -> Properties:
    # What was declared, not its echo: the server may mask a key or spell a number differently.
    # A fresh dict: the engine's host writes into it.
    return {**inputs, **computed, **({TOKEN: token} if token else {})}


def _computed(olds: Properties) -> Properties:
    return {name: olds[name] for name in schema.COMPUTED if name in olds}


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
