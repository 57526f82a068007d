"""Identifies the Pulumi backend in use: stacks in two backends may have the same name."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path


def current_backend() -> str:
    """Return a hash of the backend's URL (which may hold a password), from the environment, project or login."""
    url = os.environ.get("PULUMI_BACKEND_URL") or _of_project(Path.cwd()) or _of_login()
    return hashlib.sha256(_absolute(url).encode()).hexdigest()[:12] if url else ""


def _absolute(url: str) -> str:
    """Return the URL with an absolute path: two copies of a project may both have `file://./state`."""
    path = url.removeprefix("file://")
    return url if path == url or path.startswith("~") else f"file://{os.path.normpath(Path.cwd() / path)}"


def nearest_project(folder: Path) -> Path | None:
    """Return the Pulumi.yaml in `folder`, or in the nearest folder above it."""
    folders = (folder, *folder.absolute().parents)
    files = (place / name for place in folders for name in ("Pulumi.yaml", "Pulumi.yml"))
    return next(filter(Path.is_file, files), None)


def _of_project(folder: Path) -> str:
    """Return `backend.url` of the nearest project."""
    with contextlib.suppress(OSError):
        file = nearest_project(folder)
        return _backend_in(file.read_bytes()) if file else ""
    return ""


def _backend_in(text: bytes) -> str:
    import yaml

    with contextlib.suppress(yaml.YAMLError):
        project = yaml.safe_load(text)
        backend = project.get("backend") if isinstance(project, dict) else None
        return str(backend.get("url") or "") if isinstance(backend, dict) else ""
    return ""


def _of_login() -> str:
    """Return the URL of the last `pulumi login`."""
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        folders = (os.environ.get(name) for name in ("PULUMI_CREDENTIALS_PATH", "PULUMI_HOME"))
        home = Path(next(filter(None, folders), None) or Path.home() / ".pulumi")
        return str(json.loads((home / "credentials.json").read_text()).get("current") or "")
    return ""
