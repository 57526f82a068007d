"""The six verbs in the order of a resource's life: check, diff, create, read, update, delete.

The module path of `EnkryptModelProvider` is a storage format: every state holds it. Never move or rename it,
and give it no attribute before `configure()`, which runs in the engine's process, after the pickle is read.
"""

from __future__ import annotations

import functools
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
from .client import EnkryptClient
from .errors import ConfigurationError, EnkryptError, ModelExists, ModelNotFound, UnexpectedResponse
from .listing import Listing
from .schema import Identifier, Json, Live, Properties
from .settings import Settings

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
        inputs, problems = schema.parse(news, self._settings.dialect)
        return CheckResult(dict(inputs), [_failure(problem) for problem in problems])

    @_one_line
    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compares what the state holds with what is declared."""
        found = differences.changes(schema.from_engine(_olds), schema.from_engine(_news))
        replaces = [c.path for c in found if c.rule is differences.Rule.REPLACE]
        return DiffResult(changes=bool(found), replaces=replaces, delete_before_replace=False)

    @_one_line
    def create(self, props: Properties) -> CreateResult:
        """Registers the model, once."""
        inputs = schema.from_engine(props)
        live = self._account.create(inputs)
        return CreateResult(str(live.identity), _outputs(inputs, live))

    @_one_line
    def read(self, id_: str, props: Properties) -> ReadResult:
        """The live registration, as outputs and as inputs, so that drift shows; an empty id where it is gone."""
        live = self._account.find(Identifier.parse(id_))
        if live is None:
            return ReadResult("", {})
        inputs = differences.settle(schema.from_engine(props), live.inputs)
        outputs = schema.to_state(inputs, live.computed)
        return ReadResult(str(live.identity), outputs, inputs)

    @_one_line
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Sends the whole object."""
        inputs = schema.from_engine(_news)
        live = self._account.update(Identifier.parse(_id), inputs)
        return UpdateResult(_outputs(inputs, live))

    @_one_line
    def delete(self, _id: str, _props: Properties) -> None:
        """Deletes the registration; one that is gone already is done."""
        self._account.delete(Identifier.parse(_id))


class Account:
    """One account of the API, as the verbs use it: documents in, documents out."""

    def __init__(self, client: EnkryptClient) -> None:
        self.client = client
        self._dialect: Final = client.settings.dialect
        self._listing = Listing(client)

    def find(self, identity: Identifier) -> Live | None:
        """The live registration, or None where it is gone."""
        found = self._listing.find(identity)
        return None if found is None else self._read(found, identity)

    def create(self, inputs: Properties) -> Live:
        """Registers `inputs`. Raises `ModelExists` where the identity is taken."""
        identity = schema.identity(inputs)
        try:
            answer = self.client.add_model(schema.to_wire(inputs), identity)
        except ModelExists as error:
            raise ModelExists(
                f"{identity} is already registered and was not made by this stack", request_id=error.request_id
            ) from None
        finally:
            self._listing.forget()
        return self._read(answer, identity)

    def update(self, identity: Identifier, inputs: Properties) -> Live:
        """Replaces the registration's fields. Raises `ModelNotFound` where it is gone."""
        try:
            answer = self.client.modify_model(identity, schema.to_wire(inputs))
        except ModelNotFound as error:
            raise ModelNotFound(
                f"{identity} is gone: run `pulumi refresh`, then `pulumi up` to register it again",
                status=error.status,
                request_id=error.request_id,
            ) from None
        finally:
            self._listing.forget()
        return self._read(answer, identity)

    def delete(self, identity: Identifier) -> None:
        """Deletes the registration, if it is there."""
        try:
            self.client.delete_model(identity)
        except ModelNotFound:
            return
        finally:
            self._listing.forget()

    def _read(self, answer: Json, identity: Identifier) -> Live:
        try:
            return schema.read(answer, self._dialect)
        except UnexpectedResponse as error:
            raise UnexpectedResponse(f"{identity}: {error}") from None


def _outputs(inputs: Properties, live: Live) -> Properties:
    """What was declared, not its echo: the server may mask a key or spell a number differently."""
    return schema.to_state(inputs, live.computed)


def _failure(problem: object) -> CheckFailure:
    # With a property's name the engine would print the property's value, secrets in the clear.
    return CheckFailure("", str(problem))
