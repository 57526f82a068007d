"""What an engine consists of: its versions, the Go tools to build, the scripts that stand beside them.

To bump a version, change it here and in the go.mod of the tool's folder; README.md says how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from steps import Failed

ENGINE_VERSION = "3.259.0"
HOST_VERSION = "3.79.0"  # the last one that is a Go module
MINIMUM = "3.254.0"  # the first whose `pulumi import --file` takes inputs and outputs

SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
SDK_VERSION_VARIABLE = f"{SDK_MODULE}/go/common/version.Version"


@dataclass(frozen=True)
class GoTool:
    """A binary built from a Go module: `folder` holds the go.mod and go.sum that pin it."""

    folder: str
    package: str
    version: str
    version_variable: str
    minutes: float  # on one core, from nothing

    @property
    def name(self) -> str:
        return self.package.rpartition("/")[2]


TOOLS = (
    GoTool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ENGINE_VERSION, SDK_VERSION_VARIABLE, 13),
    GoTool(
        "language-python",
        f"{SDK_MODULE}/python/cmd/pulumi-language-python",
        HOST_VERSION,
        SDK_VERSION_VARIABLE,
        2,
    ),
)
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")  # in SDK_MODULE
FILES = (*(tool.name for tool in TOOLS), *(Path(script).name for script in SCRIPTS))


def numbers(version: str) -> tuple[int, ...]:
    """Returns (3, 259, 0) for "v3.259.0" and for "go version go1.26 linux/amd64" (1, 26, 0)."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if found is None:
        raise Failed(f"{version!r} is no version")
    return tuple(int(part or 0) for part in found.groups())
