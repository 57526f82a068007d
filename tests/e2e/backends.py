"""Shared state backends: an S3 server and a PostgreSQL server, each started on this machine for one test.

`Shared` holds the URL of the state, the environment to reach it, and a function that returns everything stored there.
Contains no tests.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam
from typing import Any, Final

import boto3
import pytest
from faults.running import wait_for
from moto.server import ThreadedMotoServer

from .leaks import Secrets

HERE: Final = "127.0.0.1"
DATABASE: Final = "pulumi"
NO_POSTGRES: Final = "no PostgreSQL: run tests/tools.sh as root, or install it and put initdb on PATH"


@dataclass(frozen=True)
class Shared:
    """A running backend."""

    url: str
    environment: Mapping[str, str]
    stored: Callable[[], Mapping[str, bytes]]
    """Returns everything stored in it, by name."""


Backend = Callable[[Secrets], Any]


@contextmanager
def s3(secrets: Secrets) -> Iterator[Shared]:
    """A new bucket on moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(HERE, 0)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        key = {"AWS_ACCESS_KEY_ID": "of-the-team", "AWS_SECRET_ACCESS_KEY": secrets.make("the bucket's key")}
        bucket = boto3.resource(
            "s3",
            endpoint_url=f"http://{HERE}:{port}",
            region_name="us-east-1",
            **{name.lower(): value for name, value in key.items()},
        ).create_bucket(Bucket=f"team-{port}")  # moto's servers in one process share their content
        yield Shared(
            f"s3://{bucket.name}?endpoint=http://{HERE}:{port}&s3ForcePathStyle=true&disableSSL=true&region=us-east-1",
            key,
            lambda: {item.key: item.get()["Body"].read() for item in bucket.objects.all()},
        )
    finally:
        server.stop()


@contextmanager
def postgres(secrets: Secrets) -> Iterator[Shared]:
    """A new server and database. As root it runs as the user nobody, since PostgreSQL refuses root."""
    programs, port, password = _programs(), _free_port(), secrets.make("the database's password")
    nobody = getpwnam("nobody")
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environment = {"PGPASSWORD": password, "PATH": os.defpath, "LC_ALL": "C"}

    def ran(program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(programs / program), *words]
        return subprocess.run(command, env=environment, capture_output=True, check=False, cwd="/", **user)

    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        data, password_file = Path(folder) / "data", Path(folder) / "password"
        password_file.write_text(password)
        if user:
            for path in (Path(folder), password_file):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        initialized = ran(
            "initdb", f"--pgdata={data}", "--username=team", f"--pwfile={password_file}", "--auth=scram-sha-256",
            "--no-sync", "--encoding=UTF8",
        )  # fmt: skip
        assert initialized.returncode == 0, initialized.stderr
        settings = {"listen_addresses": HERE, "port": port, "unix_socket_directories": "", "fsync": "off"}
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (Path(folder) / "log").open("wb") as log, subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), *words],
            env=environment, stdout=log, stderr=log, cwd="/", **user,
        ) as server:  # fmt: skip
            reached = (f"--host={HERE}", f"--port={port}", "--username=team", "--no-password")
            try:
                wait_for(lambda: ran("createdb", *reached, DATABASE).returncode == 0, "PostgreSQL")

                def stored() -> Mapping[str, bytes]:
                    query = "SELECT json_object_agg(key, data ->> 'data') FROM pulumi_state"
                    done = ran("psql", *reached, "-At", "-c", query, DATABASE), ran("pg_dumpall", *reached)
                    assert not any(it.returncode for it in done), done
                    entries = {name: b64decode(content) for name, content in json.loads(done[0].stdout).items()}
                    return {**entries, "the dump": done[1].stdout}

                # The password is not in the URL, which the engine stores in plain text.
                yield Shared(
                    f"postgres://team@{HERE}:{port}/{DATABASE}?sslmode=disable", {"PGPASSWORD": password}, stored
                )
            finally:
                server.terminate()


def _programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian keeps off PATH."""
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    found += sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail(NO_POSTGRES, pytrace=False)
    return found[-1]


def _free_port() -> int:
    with socket.create_server((HERE, 0)) as listener:
        return int(listener.getsockname()[1])
