"""A browser without a window: Debian's Chromium, driven by selenium.

As a program it takes the picture of docs/emulator.md: `python tests/emulator/browser.py docs/images/emulator.png`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from enkrypt_provider.emulator import create_app, serve_in_thread

REPOSITORY: Final = Path(__file__).resolve().parents[2]

ALONE: Final = (
    "--headless",
    "--no-sandbox",  # it is refused to root
    "--disable-gpu",
    "--hide-scrollbars",
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


def _pictured(path: Path) -> None:
    """The page with what `make up` registers, in the file `path`."""
    catalogue = yaml.safe_load((REPOSITORY / "stacks/Pulumi.dev.yaml").read_text())["config"]["enkrypt:models"]
    now = datetime(2026, 3, 2, 9, 14, 5, tzinfo=timezone.utc)
    with TemporaryDirectory() as folder, opened(Path(folder) / "profile") as browser:
        app = create_app(Path(folder) / "emulator.sqlite", page=True, clock=lambda: now)
        with serve_in_thread(app) as url, httpx.Client(base_url=url, headers={"apikey": "any"}) as api:
            for model in catalogue.values():
                model["model_config"]["apikeys"] = ["hidden"]
                api.post("/models/add-model", json=model).raise_for_status()
            resize(browser, 1160, 700, scale=1.6)
            browser.get(url)
            height = browser.execute_script("return document.querySelector('#live').getBoundingClientRect().bottom")
            resize(browser, 1160, int(height) + 8, scale=1.6)
            path.parent.mkdir(parents=True, exist_ok=True)
            browser.save_screenshot(str(path))


if __name__ == "__main__":
    _pictured(Path(sys.argv[1]))
