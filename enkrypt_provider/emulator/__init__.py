"""An emulator of the Enkrypt AI API: Flask over one SQLite file, on a port or in process.

It imports nothing from the rest of the package, because shared code would hide shared mistakes. Its rules come only
from the API's document and the official client. For users: docs/emulator.md.
"""

from .app import create_app
from .database import NotOurs, database_id
from .fault_effects import ConnectionReset, ResponseTruncated
from .faults import Fault, FaultError, spelled_fault
from .limits import LIKE_VENDOR, LimitError, Limits
from .quirks import QuirkError
from .server import serve_in_thread

__all__ = [
    "LIKE_VENDOR",
    "ConnectionReset",
    "Fault",
    "FaultError",
    "LimitError",
    "Limits",
    "NotOurs",
    "QuirkError",
    "ResponseTruncated",
    "create_app",
    "database_id",
    "serve_in_thread",
    "spelled_fault",
]
