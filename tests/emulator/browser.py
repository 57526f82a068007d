"""A headless browser: Debian's Chromium, driven by selenium.

Run it to take the screenshot in docs/emulator.md: `python tests/emulator/browser.py docs/images/emulator.png`.
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

SWITCHES: Final = (
    "--headless",
    "--no-sandbox",  # root cannot run it with the sandbox
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
"""No window, and no requests except for the page."""
MISSING: Final = "no {}: run tests/tools.sh as root, or install Chromium and its driver and put both on PATH"


@contextmanager
def opened(profile: Path, *, scripts: bool = True) -> Iterator[webdriver.Chrome]:
    """Open a browser with an empty profile in the folder `profile`, with or without JavaScript."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium")
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
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
    """Set the size of the page in pixels, and the preferred colour scheme."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def _take_screenshot(path: Path) -> None:
    """Save the page, with the models that `make up` registers, to the file `path`."""
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
    _take_screenshot(Path(sys.argv[1]))
