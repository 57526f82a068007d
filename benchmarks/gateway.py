"""The emulator for clients that can say a model only in the path: `/models/get-model/NAME` becomes the call with
its headers. It costs next to nothing, and the generic REST provider could not use the API without it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.emulator.server import Listener

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


def gateway(api: WSGI) -> WSGI:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"]).split("/")
        if len(path) == 4 and path[1] == "models":
            named = {"HTTP_X_ENKRYPT_MODEL": path.pop(), "HTTP_X_ENKRYPT_MODEL_VERSION": "1"}
            environ = {**environ, **named, "PATH_INFO": "/".join(path)}
        return api(environ, start_response)

    return answer


if __name__ == "__main__":
    database, latency = Path(sys.argv[1]), float(sys.argv[2])
    app = create_app(database, record=True, faults=[Fault(delay=latency)] if latency else None)
    app.wsgi_app = gateway(app.wsgi_app)  # type: ignore[method-assign,assignment]
    listener = Listener(app)
    print(f"a gateway on {listener.url}, database {database}", flush=True)
    listener.run()
