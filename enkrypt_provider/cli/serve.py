"""The command `serve`: runs the emulator."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .options import dialect_option, whole_number


def serve(
    port: Annotated[
        int, typer.Option(metavar="PORT", help="Port; 0 picks a free one.", parser=whole_number(0, 65535))
    ] = 8787,
    db: Annotated[Path, typer.Option(metavar="FILE", help="SQLite file; created if missing.")] = Path(
        ".enkrypt/emulator.sqlite"
    ),
    dialect: Annotated[str, dialect_option("v1: the API's documentation. v2: the official client.")] = "v1",
    key: Annotated[
        list[str] | None, typer.Option(metavar="KEY=ACCOUNT", help="Accept only this key; may be repeated.")
    ] = None,
    mask_apikeys: Annotated[bool, typer.Option(help="Return xxxxx for every stored API key.")] = False,
    cache_reads: Annotated[
        bool, typer.Option(help="Cache reads until a request sends X-Enkrypt-Refresh-Cache: true.")
    ] = False,
    list_details: Annotated[bool, typer.Option(help="List models with or without their model_config.")] = True,
    quirks: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Normalise responses, as host,slash,order; see docs/emulator.md.")
    ] = "",
    record: Annotated[bool, typer.Option(help="Keep the last requests for GET /_emulator/requests.")] = True,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="CALL:HOW", help="Inject a fault, as add_model:status=503,first=3; may be repeated."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed for random faults.", parser=whole_number(0, 10**9))
    ] = 0,
    rate: Annotated[
        str, typer.Option(metavar="3/s,100/min", help="Rate limit of each key; a key that exceeds it is locked out.")
    ] = "",
    rt_rate: Annotated[str, typer.Option(metavar="5/min", help="Rate limit for /rt/*, the health check.")] = "",
    lockout: Annotated[
        int, typer.Option(metavar="SECONDS", help="How long a lock-out lasts.", parser=whole_number(0, 86400))
    ] = 60,
    like_vendor: Annotated[
        bool, typer.Option("--like-vendor", help="Short for --rate 3/s,100/min --rt-rate 5/min --lockout 60")
    ] = False,
) -> None:
    """Run an emulator of the API on this machine.

    It listens on 127.0.0.1 and stores everything in one file, by default that of `enkrypt:endpoint: embedded`. Open
    the same address in a browser on this machine to see the registrations.
    """
    from enkrypt_provider.emulator import LIKE_VENDOR, FaultError, LimitError, QuirkError, create_app, spelled_fault
    from enkrypt_provider.emulator.database import NotOurs
    from enkrypt_provider.emulator.limits import limits_in
    from enkrypt_provider.emulator.server import Listener

    asked = {"rate": rate, "rt_rate": rt_rate, "lockout": lockout}
    try:
        app = create_app(
            db,
            dialect="v2" if dialect == "v2" else "v1",
            keys=_accounts(key),
            mask_apikeys=mask_apikeys,
            cache_reads=cache_reads,
            list_details=list_details,
            quirks=quirks,
            record=record,
            page=True,
            faults=[spelled_fault(text) for text in fault] if fault else None,
            seed=seed,
            limits=LIKE_VENDOR if like_vendor else limits_in(asked),
        )
        listener = Listener(app, port)
    except FaultError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error
    except QuirkError as error:
        raise typer.BadParameter(str(error), param_hint="--quirks") from error
    except LimitError as error:
        name, _, rule = str(error).partition(": ")
        raise typer.BadParameter(rule, param_hint=f"--{name.replace('_', '-')}") from error
    except NotOurs as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"port {port} cannot be used: {error.strerror}")
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _end)
    typer.echo(f"Enkrypt AI API emulator ({dialect}) on {listener.url}, database {db.absolute()}")
    typer.echo(f"To see the registrations, open {listener.url} in a browser on this machine.")
    sys.stdout.flush()
    listener.run()


def _accounts(keys: list[str] | None) -> dict[str, str] | None:
    if not keys:
        return None
    accounts = {}
    for pair in keys:
        key, _, account = pair.rpartition("=")
        if not key or not account:
            raise typer.BadParameter("a key is given as KEY=ACCOUNT", param_hint="--key")
        accounts[key] = account
    return accounts


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def _end(*_: Any) -> NoReturn:
    raise SystemExit(0)
