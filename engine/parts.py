"""What can be built: the engine, its Python language host, and the hosts of other languages.

To bump a version, change it here and in the go.mod of the tool's folder; README.md describes how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from steps import Failed

ENGINE_VERSION = "3.274.1"
HOST_VERSION = "3.79.0"  # the last one that is a Go module
MINIMUM = "3.254.0"  # the first whose `pulumi import --file` takes inputs and outputs

SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True)
class GoTool:
    """A binary built from a Go module: `folder` holds the go.mod and go.sum that pin it."""

    folder: str
    package: str
    version: str
    minutes: float  # on one core, a clean build
    name: str = ""  # of the binary, if not the package's

    @property
    def binary(self) -> str:
        return self.name or self.package.rpartition("/")[2]


TOOLS = (
    GoTool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ENGINE_VERSION, 10),
    GoTool(
        "language-python",
        f"{SDK_MODULE}/python/cmd/pulumi-language-python",
        HOST_VERSION,
        2,
        name=f"pulumi-python-host-{HOST_VERSION}",
    ),
    GoTool("language-python", ".", HOST_VERSION, 0.1, name="pulumi-language-python"),  # starts the previous one
)
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")  # in SDK_MODULE
FILES = ("pulumi", "pulumi-language-python", *(Path(script).name for script in SCRIPTS))

# Built on request. nodejs and go are pinned to the last versions whose host is a Go module that others can require.
HOSTS = {
    "yaml": GoTool("language-yaml", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml", "1.25.0", 2),
    "nodejs": GoTool("language-nodejs", f"{SDK_MODULE}/nodejs/cmd/pulumi-language-nodejs", "3.68.0", 1.5),
    "go": GoTool("language-go", f"{SDK_MODULE}/go/pulumi-language-go", "3.66.0", 1),
}


def numbers(version: str) -> tuple[int, ...]:
    """Returns (3, 274, 1) for "v3.274.1" and for "go version go1.26 linux/amd64" (1, 26, 0)."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if found is None:
        raise Failed(f"{version!r} is not a version")
    return tuple(int(part or 0) for part in found.groups())
