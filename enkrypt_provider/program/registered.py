"""The base class of the dynamic resources of all kinds. It marks everything that can hold a secret as secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from inspect import get_annotations
from typing import Any, ClassVar, Final, get_args, get_type_hints
from weakref import WeakSet

import pulumi
from pulumi.dynamic import Resource, ResourceProvider
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from pulumi.runtime import is_config_secret
from pulumi.runtime.settings import get_root_resource
from typing_extensions import Self

from ..errors import plain
from ..frontends.package_schema import snake
from ..frontends.property_values import OWNER
from ..kinds.secrets import is_hidden, is_secret_text
from .args import SECRETS
from .arguments import WrongArguments, getter, given_arguments, naming, walked, warn_of_deleted_with
from .declarations import Declaration

NO_EFFECT: Final = {
    "custom_timeouts": "set enkrypt:timeout and enkrypt:maxRetries",
    "replace_on_changes": "only a change of identity or account replaces it",
}
"""Options without effect, each with what to do instead."""
_WARNED: Final[WeakSet[pulumi.Resource]] = WeakSet()
"""The stacks already warned about a plain-text key."""


class Registered(Resource, Declaration, module="enkrypt", name="Registered"):
    """A registration of the kind that the class variables describe."""

    _KIND: ClassVar[str] = "Registered"
    _ARGS: ClassVar[type]
    _OUTPUTS: ClassVar[type]
    _PROVIDER: ClassVar[type[ResourceProvider]]
    _SECRET_OUTPUTS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Give a team's own class the same resource type, so that moving a registration to it changes nothing."""
        super().__init_subclass__(**{**options, "module": "enkrypt", "name": cls._KIND})
        if "_KIND" in vars(cls):  # the class of a kind, from which a team's own class inherits its outputs
            for name, output in get_type_hints(cls._OUTPUTS).items():
                setattr(cls, name, getter(name, name, *get_args(output)))

    def _declare(
        self, name: str, args: object, opts: pulumi.ResourceOptions | None, arguments: dict[str, Any]
    ) -> None:
        if not isinstance(opts, pulumi.ResourceOptions | None):
            raise WrongArguments(f"{name}: opts must be pulumi.ResourceOptions(…), not {type(opts).__name__}")
        if opts and opts.import_ is not None:
            wanted = str(opts.import_).partition("/")[0]
            raise WrongArguments(
                f"{name}: the engine cannot import a dynamic resource: leave out import_, and run `enkrypt-provider "
                f"import --name {wanted}`"
            )
        _warn_of_idle(name, self._KIND, opts)
        warn_of_deleted_with(name, opts, Declaration)
        opts = _without_star(opts, self._ARGS)
        _warn_of_open_key(get_root_resource())
        given = given_arguments(name, self._ARGS, args, arguments)
        if given.get("deletion_protection") is True:
            # The engine refuses before anything is changed; the provider could do so only partway through.
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(protect=True), opts)
        own = {
            OWNER: _owner(self._resource_type_name, name, opts),
            PROVIDER_KEY: serialize_provider(self._PROVIDER()),
        }
        with naming(name):
            inputs = _with_secrets(given)
        # Not `super()`: the SDK reports the caller of the third `__init__` as the program's line.
        pulumi.CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            name,
            {**self._named_outputs(), **inputs, **own},
            opts,
        )

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Self:
        """Read an existing registration that another stack, or nobody, manages. It is never changed.

        `id` is `NAME/VERSION` for a model, or `NAME` for version `v1`; `NAME` for a policy or a deployment. A model's
        `model_config` is secret as a whole. Every resource class has this method.
        """
        own = pulumi.ResourceOptions(id=id, additional_secret_outputs=[*cls._SECRET_OUTPUTS])
        if id is None or id == "" or isinstance(id, int):
            raise WrongArguments(f"{resource_name}: give the id of a registration, such as NAME/VERSION or NAME")
        found = cls.__new__(cls)
        merged = pulumi.ResourceOptions.merge(opts, own)
        Resource.__init__(found, cls._PROVIDER(), resource_name, cls._named_outputs(), merged)
        return found

    @classmethod
    def _named_outputs(cls) -> dict[str, Any]:
        """None for every output: the SDK creates only the outputs named here, and the engine fills them in."""
        return dict.fromkeys(get_annotations(cls._OUTPUTS))


def _owner(type_: str, name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Input[str]:
    """Return ORGANIZATION/URN for `check`: the host does not say which resource the inputs belong to."""
    organization, type_ = pulumi.get_organization() or "organization", f"pulumi-python:{type_}"
    if opts is None or opts.parent is None:  # a plain string saves the SDK 0.4 ms per resource
        return f"{organization}/urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{type_}::{name}"
    urn = pulumi.create_urn(name, type_, opts.parent)

    async def owner() -> str:
        # Awaited, not applied: depending on a parent means depending on its children, including this one.
        return f"{organization}/{await urn.future()}"

    return pulumi.Output.from_input(owner())


# ---- secrets


def _with_secrets(value: Any, place: str = "") -> Any:
    """Return `value` with everything that can hold a secret made secret, whatever its source and form."""
    if isinstance(value, Mapping):
        return {name: _hidden(value, name, f"{place}.{name}".removeprefix(".")) for name in value}
    return pulumi.Output.secret(value) if isinstance(value, str) and is_secret_text(value) else value


def _hidden(holder: Mapping[str, Any], name: str, place: str) -> Any:
    value = holder[name]
    is_empty = value is None or value in ("", [], {}) if isinstance(value, str | list | dict | None) else False
    if is_empty or not is_hidden(holder, name, place, SECRETS):
        return walked(value, place, _with_secrets)
    return pulumi.Output.secret(walked(value, place, _sendable))


def _sendable(value: Any, place: str) -> Any:
    """Return the value unchanged after checking everything in it."""
    if not isinstance(value, Mapping):
        return value
    return {name: walked(item, f"{place}.{name}", _sendable) for name, item in value.items()}


def _warn_of_open_key(stack: pulumi.Resource | None) -> None:
    """Warn once per program about a plain-text key in the stack's file: the engine copies it into the state."""
    config = pulumi.Config("enkrypt")
    if stack in _WARNED or not config.get("apiKey") or is_config_secret(config.full_key("apiKey")):
        return
    from ..settings import EMBEDDED  # only a program with such a key needs it

    if (config.get("endpoint") or "").partition(":")[0] == EMBEDDED:
        return
    if stack:
        _WARNED.add(stack)
    pulumi.log.warn(
        "enkrypt:apiKey is in the clear in the stack's file and in its state: run `pulumi config set --secret "
        "enkrypt:apiKey`, then `pulumi up`, and rotate the key if others have read it"
    )


# ---- options that have no effect, or too much, with a dynamic provider


def _without_star(opts: pulumi.ResourceOptions | None, args: type) -> pulumi.ResourceOptions | None:
    """Expand `*` in `ignore_changes`: the engine would drop `OWNER` too, and no run would know the resource's URN."""
    if opts is None or "*" not in (opts.ignore_changes or ()):
        return opts
    expanded = copy(opts)
    expanded.ignore_changes = [*get_annotations(args)]
    return expanded


def _warn_of_idle(name: str, kind: str, opts: pulumi.ResourceOptions | None) -> None:
    """Warn about each option of a resource that will have no effect; `kind` is the name of its class."""
    for option, instead in NO_EFFECT.items():
        if getattr(opts, option, None):
            effect = f"{option} has no effect with the dynamic provider, unlike the native one"
            pulumi.log.warn(f"{name}: {effect}: {instead}")
    for path in (opts and opts.ignore_changes) or ():
        if not _is_field(kind, path):
            hint = f': write "{snake(path)}"' if _is_field(kind, snake(path)) else ": write the path of an argument"
            pulumi.log.warn(f"{name}: ignore_changes: {plain(path)} matches nothing{hint}")


def _is_field(kind_name: str, path: str) -> bool:
    from ..kinds.registry import KINDS  # only a program with `ignore_changes` needs pydantic

    kind = next(kind for kind in KINDS if kind.name == kind_name)
    place = ""
    for step in re.split(r"\.|\[", re.sub(r"\[(\d+|\*)\]", "", path)):
        place = f"{place}.{step}".removeprefix(".")
        if place not in kind.fields:
            return path == "*"
        if kind.fields[place].is_map:
            return True
    return True
