"""The page in a browser: it updates itself, is accessible, and runs no scripts but its own."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from enkrypt_provider.emulator import create_app, serve_in_thread
from enkrypt_provider.emulator import page as page_module

from .browser import opened, resize
from .conftest import NO_TLS, TIMEOUT, ask
from .document import IDENTITY, called, v1
from .test_life import DEPLOYMENT, DETECTORS, POLICY
from .test_page import ALSO_HOSTILE, HOSTILE, PATHS

AXE: Final = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text()
WIDE, PHONE, NARROW = 1280, 390, 320
"""In CSS pixels; the narrow one is a page of 1280 pixels at a zoom of 400 %."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with opened(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def api(database: Path) -> Iterator[httpx.Client]:
    with serve_in_thread(create_app(database, page=True, record=True)) as url, _client(url) as client:
        yield client


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"apikey": "k"}, verify=NO_TLS, timeout=TIMEOUT, trust_env=False)


def look(browser: Chrome, api: httpx.Client, path: str = "/") -> None:
    browser.get(str(api.base_url).rstrip("/") + path)


def find(browser: Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def shows(browser: Chrome, text: str) -> bool:
    return text in find(browser, "main").text


def wait_for(browser: Chrome, text: str) -> None:
    WebDriverWait(browser, TIMEOUT, 0.1, [Exception]).until(lambda it: shows(it, text), text)


def test_it_keeps_itself_up_to_date(browser: Chrome, api: httpx.Client) -> None:
    """Changes by others show without a reload and are announced to screen readers."""
    look(browser, api)
    wait_for(browser, "No model is registered.")
    browser.execute_script("window.isTheSame = 1")
    ask(api, "add-model", json=v1())
    wait_for(browser, "https://api.together.xyz")
    assert find(browser, "[role=status]").text == "1 model"
    ask(api, "modify-model", headers=IDENTITY, json=v1(endpoint={"host": "another.example.com"}))
    wait_for(browser, "https://another.example.com")
    assert browser.execute_script("return window.isTheSame") == 1
    find(browser, "tbody a").click()
    browser.execute_script("window.isTheSame = 2")
    ask(api, "modify-model", headers=IDENTITY, json=v1("New_Name"))
    wait_for(browser, "model New_Name/1\nRegistered")
    assert browser.title.startswith("New_Name/1")
    ask(api, "delete-model", headers=called("New_Name"))
    wait_for(browser, "model New_Name/1\nDeleted")
    assert browser.execute_script("return window.isTheSame") == 2


def test_an_update_disturbs_nothing(browser: Chrome, api: httpx.Client) -> None:
    """The focus, typed text and opened details survive an update."""
    ask(api, "add-model", json=v1("m1"))
    look(browser, api)
    find(browser, "input[type=search]").send_keys("half typ")
    browser.execute_script("document.querySelector('tbody a').focus()")
    ask(api, "add-model", json=v1("a-new-one"))
    wait_for(browser, "a-new-one")
    assert browser.switch_to.active_element.text == "m1"
    assert find(browser, "input[type=search]").get_property("value") == "half typ"

    look(browser, api, "/requests")
    find(browser, "#body-1 summary").click()
    ask(api, "add-model", json=v1("a-newer-one"))
    wait_for(browser, "a-newer-one")
    assert find(browser, "#body-1 pre").is_displayed()
    assert browser.switch_to.active_element.tag_name == "summary"


def test_updates_can_be_paused(browser: Chrome, api: httpx.Client) -> None:
    """Nothing changes during a pause; after it, everything that happened meanwhile shows."""
    look(browser, api)
    find(browser, "#pause").click()
    assert find(browser, "#pause").get_attribute("aria-pressed") == "true"
    ask(api, "add-model", json=v1())
    # Triggers an update, as when its tab is opened again; its response would arrive before the next one.
    browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    browser.execute_async_script("fetch('/').then(response => response.text()).then(arguments[0])")
    assert not shows(browser, "Test_Model")
    find(browser, "#pause").click()
    wait_for(browser, "Test_Model")


def test_a_stopped_server_is_reported(browser: Chrome, database: Path) -> None:
    """The page keeps its content and says that it is old; when the server is back, it updates again."""
    with serve_in_thread(create_app(database, page=True)) as url, _client(url) as api:
        ask(api, "add-model", json=v1())
        look(browser, api)
    wait_for(browser, "The emulator is not responding. This is the last known state.")
    assert shows(browser, "Test_Model")
    with serve_in_thread(create_app(database, page=True), int(url.rpartition(":")[2])):
        wait_for(browser, "1 model")


ROWS = 4
"""Rows on one page of a table, instead of many."""


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "ROWS", ROWS)


def furnished(api: httpx.Client) -> list[str]:
    """Register everything that a page can show; return the paths of the pages."""
    long = "long-" * 6
    ask(
        api,
        "add-model",
        json=v1(long, model_version=long * 20, system_prompt=f"{long * 99}\n\n{long}", apikeys=["k"]),
    )
    ask(
        api,
        "add-model",
        json={**v1("other", hosting_type="Internal", metadata={long * 9: long}), "model_name": long * 9},
    )
    ask(api, "modify-model", headers=called("other"), json=v1("other", endpoint={"host": long * 20}))
    for number in range(ROWS):
        ask(api, "add-model", json=v1(f"m{number}"))
    ask(api, "delete-model", headers=called("m0"))
    api.post("/_emulator/faults", json=[{"call": "model_health", "status": 503, "body": long * 30}])
    api.post("/rt/model/model-health", headers=called("other"))
    api.get(f"/{long * 30}")
    ask(api, "add-model", content=b"{")
    ids = [it["model_id"] for it in ask(api, "list-models").json()["models"][:3]]
    POLICY.add(api, name=long, description="x" * 128, detectors={name: {"enabled": True} for name in DETECTORS})
    used = {"policy_name": long, "enabled": True, "block": [*DETECTORS]}
    made = DEPLOYMENT.add(
        api, name=long, model_saved_name=long, model_version=long * 20, input_guardrails_policy=used
    )
    searches = [
        f"/deployment/{made['deployment_id']}",
        "/policies?q=nothing",
        "/?q=m1",
        "/?q=nothing",
        "/changes?page=2",
        "/requests?q=nothing",
        "/?page=2",
        "/model/1",
    ]
    return [*PATHS, *(f"/model/{id_}" for id_ in ids), *searches]


@pytest.mark.usefixtures("few_rows")
def test_every_page_is_accessible(browser: Chrome, api: httpx.Client) -> None:
    """axe finds no violation on any page, light on a wide screen and dark on a narrow one."""
    look(browser, api)
    faults = _faults(browser)
    for path in furnished(api):
        for width, dark in ((WIDE, False), (NARROW, True)):
            resize(browser, width, 900, dark=dark)
            look(browser, api, path)
            faults += [f"{path} {width}: {fault}" for fault in _faults(browser)]
    assert faults == []


def _faults(browser: Chrome) -> list[str]:
    browser.execute_script(AXE)
    found: Any = browser.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 15
    return [f"{it['id']} {node['html'][:200]}" for it in found["violations"] for node in it["nodes"]]


@pytest.mark.usefixtures("few_rows")
def test_no_page_is_wider_than_its_screen(browser: Chrome, api: httpx.Client) -> None:
    """With values of any length only a table scrolls sideways, never the page."""
    paths = furnished(api)
    for width in (WIDE, PHONE, NARROW):
        resize(browser, width, 900)
        for path in paths:
            look(browser, api, path)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_nothing_is_cut_or_broken(browser: Chrome, api: httpx.Client, width: int) -> None:
    """On a phone and a desktop every column shows, no table scrolls sideways, and names and versions do not wrap."""
    name = "a-name-of-exactly-32-characters-"
    ask(api, "add-model", json=v1(name, model_version="2024-08-06"))
    ask(api, "modify-model", headers=called(name, "2024-08-06"), json=v1(name, model_version="2024-08-07", tls="?"))
    ask(api, "modify-model", headers=called(name, "2024-08-06"), json=v1(name, model_version="2024-08-07"))
    api.post("/_emulator/faults", json=[{"call": "add_model", "status": 503, "retry_after": 2, "first": 1}])
    ask(api, "add-model", json=v1(name))
    used = {"policy_name": name, "enabled": True, "block": ["pii", "injection_attack"]}
    pages = [f"/model/{ask(api, 'list-models').json()['models'][0]['model_id']}"]
    for kind, more in (
        (POLICY, {"detectors": {name: {"enabled": True} for name in DETECTORS}}),
        (DEPLOYMENT, {"model_saved_name": name, "input_guardrails_policy": used, "output_guardrails_policy": used}),
    ):
        made = kind.add(api, name=name, **more)
        kind.ask(api, "modify", name, {**kind.body, **more, "name": f"{name[:-1]}2"})
        pages.append(f"/{kind.noun}/{made[f'{kind.noun}_id']}")
    resize(browser, width, 900)
    for path in (*PATHS, *pages):
        look(browser, api, path)
        seen = browser.execute_script(LAYOUT)
        assert seen["wholes"] >= 1, path
        assert seen == {**seen, "broken": [], "cut": [], "hidden": []}, path


LAYOUT: Final = """
const all = (selector) => [...document.querySelectorAll(selector)];
const lines = (it) => new Set([...it.getClientRects()].map((box) => Math.round(box.top))).size;
const text = (found) => found.map((it) => it.textContent.trim());
return {
  wholes: all(".whole").length,
  broken: text(all(".whole").filter((it) => lines(it) !== 1)),
  cut: text(all(".scroll").filter((it) => it.scrollWidth > it.clientWidth)),
  hidden: text(all("tbody th, tbody td").filter((it) => !it.offsetWidth || !it.offsetHeight)),
};
"""


def test_only_its_own_script_runs(browser: Chrome, api: httpx.Client) -> None:
    """Scripts and event handlers in values are shown as text, and the browser logs nothing."""
    body = v1(HOSTILE, system_prompt=ALSO_HOSTILE, metadata={ALSO_HOSTILE: HOSTILE})
    ask(api, "add-model", json=body)
    ask(api, "modify-model", headers=called(HOSTILE), json=v1(HOSTILE, system_prompt=HOSTILE))
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # the library has no types
    number = ask(api, "list-models").json()["models"][0]["model_id"]
    POLICY.add(api, name=HOSTILE, description=HOSTILE)
    DEPLOYMENT.add(api, name=HOSTILE, model_saved_name=HOSTILE)
    for path in (*PATHS, f"/model/{number}", f"/?q={HOSTILE}"):
        look(browser, api, path)
        assert shows(browser, HOSTILE)
        assert browser.execute_script("return [window.hacked, document.scripts.length]") == [None, 1]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]  # the library has no types


def test_it_works_without_javascript(api: httpx.Client, tmp_path: Path) -> None:
    """The page is complete, its search works, it reloads itself, and the button that needs scripts is hidden."""
    for number in range(60):
        ask(api, "add-model", json=v1(f"m{number}"))
    with opened(tmp_path, scripts=False) as browser:
        look(browser, api)
        assert not find(browser, "#pause").is_displayed()
        find(browser, "#next").click()
        assert shows(browser, "Page 2 of 2")
        find(browser, "input[type=search]").send_keys("m59", Keys.ENTER)
        wait_for(browser, "1 model of 60 found")
        ask(api, "add-model", json=v1("m59", model_version="2"))
        wait_for(browser, "2 models of 61 found")
