"""The official installation, in a process of its own: neither the SDK nor its script knows a time limit.

`official.py reach` succeeds where the installation's host answers; `official.py install ROOT VERSION` puts the
binaries into ROOT/bin. A failure is one exit text on stderr.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request

INSTALLER = "https://get.pulumi.com/install.sh"  # what `PulumiCommand.install` downloads and runs


def reach() -> None:
    """Ends the process with the reason if the host does not answer; honours the proxies of the environment."""
    try:
        urllib.request.urlopen(INSTALLER, timeout=5).close()
    except OSError as error:
        sys.exit(str(error))


def install(root: str, version: str) -> None:
    """Installs Pulumi `version` into `root`/bin, or ends the process with the reason."""
    try:
        from pulumi.automation import PulumiCommand
        from semver import VersionInfo
    except ImportError as error:
        sys.exit(f"the Pulumi SDK is not installed for {sys.executable}: {error}")
    try:
        PulumiCommand.install(root=root, version=VersionInfo.parse(version))
    except subprocess.CalledProcessError as error:  # its text lacks what the script said
        sys.exit(error.output.decode(errors="replace"))
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    reach() if sys.argv[1] == "reach" else install(*sys.argv[2:])
