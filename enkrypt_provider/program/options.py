"""Resource options that have no effect with a dynamic provider, told where a program gives them."""

from __future__ import annotations

import re
from typing import Final

import pulumi

from ..errors import plain

NO_EFFECT: Final = {
    "custom_timeouts": "set enkrypt:timeout and enkrypt:maxRetries",
    "replace_on_changes": "only another identity or account replaces",
}
"""By option what to do instead."""


def warn_of_idle(name: str, kind: str, opts: pulumi.ResourceOptions | None) -> None:
    """Warn of each option of a resource that will have no effect; `kind` is the name of its class."""
    for option, instead in NO_EFFECT.items():
        if getattr(opts, option, None):
            effect = f"{option} has no effect with the dynamic provider, unlike the native one"
            pulumi.log.warn(f"{name}: {effect}: {instead}")
    for path in (opts and opts.ignore_changes) or ():
        if not _is_field(kind, path):
            snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", path).lower()
            hint = f': write "{snake}"' if _is_field(kind, snake) else ": write the path of an argument"
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
