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
from .errors import ConfigurationError, EnkryptError, plain
from .schema import Identifier, Properties
from .settings import Settings

OWNER: Final = "__owner"
"""An input for `check` alone, PROJECT/STACK/NAME: never in the state."""
TOKEN: Final = "__token"  # noqa: S105
"""An output that no person sees: which create wrote this object into the state. A storage format."""

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
        """Parses the arguments, some of them not known yet; calls nothing."""
        if isinstance(self._settings, ConfigurationError):
            return CheckResult(dict(news), [_failure(self._settings)])
        dialect = self._settings.dialect
        inputs, problems = schema.parse(news, dialect)
        if problems:
            return CheckResult(inputs, [_failure(problem) for problem in problems])
        for doubt in schema.doubts(inputs, dialect):
            announce(f"warning: {doubt}")
        twice = self._declared_twice(inputs, str(news.get(OWNER, "")))
        return CheckResult(inputs, [_failure(twice)] if twice else [])

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
        return DiffResult(changes=bool(found), replaces=replaces, delete_before_replace=False)

    @_one_line
    def create(self, props: Properties) -> CreateResult:
        """Registers the model, once."""
        inputs = schema.from_engine(props)
        live = self._account.create(inputs)
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
        inputs = schema.from_engine(_news)
        live = self._account.update(Identifier.parse(_id), inputs)
        return UpdateResult(_outputs(inputs, live.computed, _token(_olds)))

    @_one_line
    def delete(self, _id: str, _props: Properties) -> None:
        """Deletes the registration; one that is gone already is done."""
        self._account.delete(Identifier.parse(_id), _token(_props))


def _outputs(inputs: Properties, computed: Properties, token: str) -> Properties:
    # What was declared, not its echo: the server may mask a key or spell a number differently.
    # A fresh dict: the engine's host writes into it.
    return {**inputs, **computed, **({TOKEN: token} if token else {})}


def _token(props: Properties) -> str:
    return str(props.get(TOKEN, ""))


def _name_in(owner: str) -> str:
    return repr(plain(owner.rpartition("/")[2]))


def _failure(problem: object) -> CheckFailure:
    # With a property's name the engine would print the property's value, secrets in the clear.
    return CheckFailure("", str(problem))
