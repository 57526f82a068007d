"""How a program calls a function of the native package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from ..frontends.package_schema import token
from .package_types import SCHEMA, output_type


def invoke(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> Any:
    """Call it now, and return its typed result."""
    return pulumi.runtime.invoke(token(function), dict(given), opts, typ=_result_type(function)).value


def invoke_output(function: str, given: Mapping[str, Any], opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    """Call it once the inputs are known, and what they depend on is there."""
    options: Any = opts or pulumi.InvokeOptions()
    return pulumi.runtime.invoke_output(token(function), dict(given), options, typ=_result_type(function))


def _result_type(function: str) -> type:
    spec = SCHEMA["functions"][token(function)]["outputs"]
    return output_type(token(f"{function}Result"), spec["properties"])
