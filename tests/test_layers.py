"""Imports only go down the layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "enkrypt_provider"
LAYERS = (
    ("errors", "settings"),
    ("kinds",),
    ("api",),
    ("core",),
    ("frontends",),
    ("program", "provider"),
    ("testing", "catalogue", "policy", "native"),
    ("cli", "__main__"),
)
"""From the bottom up. The emulator is separate: it imports none of the others."""
WITHOUT_PULUMI = ("errors", "settings", "kinds", "api", "core", "emulator")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """Return the part of the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the absolute names that a module imports, including inside functions."""
    package = ("enkrypt_provider", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            name = ".".join(filter(None, (base, node.module)))
            yield from (f"{name}.{alias.name}" for alias in node.names)


def own_part(name: str) -> str:
    """Return the part of the package that an absolute name belongs to, or ""."""
    root, _, rest = name.partition(".")
    return rest.partition(".")[0] if root == "enkrypt_provider" else ""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    levels = {part: level for level, parts in enumerate(LAYERS) for part in parts}
    part = part_of(path)
    found = {name for name in map(own_part, imported(path)) if name in levels or name == "emulator"}
    if part == "emulator":
        assert found <= {"emulator"}
    elif part in levels:
        assert {name for name in found if levels.get(name, -1) > levels[part]} == set()


@pytest.mark.parametrize("part", WITHOUT_PULUMI)
def test_only_front_ends_and_programs_load_pulumi(part: str) -> None:
    """This includes indirect imports."""
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in modules()
        if part_of(path) == part
    ]
    code = f"import sys, {', '.join(names)}; print('pulumi' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_only_one_module_imports_the_http_client() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if part_of(path) not in ("emulator", "testing") and any(n.startswith("httpx") for n in runtime_imports(path))
    }
    assert found == {"api/transport.py"}


def runtime_imports(path: Path) -> Iterator[str]:
    """Yield the absolute names that a module imports at run time, not for type checkers."""
    tree = ast.parse(path.read_text())
    checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in checking:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and id(node) not in checking and not node.level:
            yield node.module or ""


@pytest.mark.parametrize(
    ("imported", "unwanted"),
    [
        (
            "from enkrypt_provider import EnkryptModel",
            "enkrypt_provider.testing flask httpx pydantic pytest rich typer",
        ),
        ("import enkrypt_provider.frontends.dynamic", "httpx tenacity"),
        ("import enkrypt_provider.frontends.plugin.__main__", "pydantic"),
        ("import enkrypt_provider.cli", "flask waitress"),
        ("import enkrypt_provider.cli.printing, enkrypt_provider.cli.registrations", "pulumi"),
        ("import enkrypt_provider.cli.doctor", "pulumi"),
    ],
)
def test_unneeded_packages_are_not_loaded(imported: str, unwanted: str) -> None:
    """Loading them would slow down each command, or require an extra: a program that declares models, a run without
    changes, the plugin when asked for its schema, `list`, `doctor`."""
    code = f"import sys; {imported}; print(set({unwanted.split()}) & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
