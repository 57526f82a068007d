"""A browser without a window: Debian's Chromium, driven by selenium.

As a program it takes the picture of docs/emulator.md: `python tests/emulator/browser.py docs/images/emulator.png`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ALONE: Final = (
    "--headless",
    "--no-sandbox",  # it is refused to root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)
"""Asks nobody for anything but the page."""
MISSING: Final = "no {}: as root run tests/tools.sh, or else install Chromium and its driver, and put both on PATH"


@contextmanager
def opened(profile: Path, *, scripts: bool = True) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile in the folder `profile`; without `scripts` no page runs any."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium")
    for switch in (*ALONE, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    if not scripts:
        setting = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", setting)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(_found("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def _found(program: str) -> str:
    path = shutil.which(program)
    if not path:
        pytest.fail(MISSING.format(program), pytrace=False)
    return path


def resize(browser: webdriver.Chrome, width: int, height: int, *, scale: float = 1, dark: bool = False) -> None:
    """Gives the page so many pixels, and the person's taste."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
