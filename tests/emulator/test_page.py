"""The page as HTML: what it shows, what it never shows, and who may see it."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from enkrypt_provider.emulator import Fault, create_app
from enkrypt_provider.emulator import store as store_module

from .conftest import Clock, Connect, ask
from .document import IDENTITY, SECRETS, called, v1
from .test_life import DEPLOYMENT, POLICY, Kind

LISTS = {"model": "/", "policy": "/policies", "deployment": "/deployments"}
PATHS = [*LISTS.values(), "/changes", "/requests"]
HERE = {"Host": "127.0.0.1:8787"}
HOSTILE = "<script>window.hacked=1</script>"
"""Fits into a name."""
ALSO_HOSTILE = "\"'><img src=x onerror=window.hacked=1>{{ 'wo' * 3 }}{% raw %}&lt;"


def here(client: httpx.Client) -> httpx.Client:
    client.headers.update(HERE)
    return client


@pytest.fixture
def page(embedded: Connect) -> httpx.Client:
    return here(embedded(page=True, record=True, clock=Clock()))


def seen(client: httpx.Client, path: str = "/") -> str:
    """Return the text of a page, without its tags and with single spaces."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    text = re.sub(r"<(head|script)\b.*?</\1>", " ", response.text, flags=re.DOTALL)
    text = re.sub(r"</?(span|wbr)\b[^>]*>", "", text)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def address(client: httpx.Client, name: str, version: str = "1") -> str:
    """Return the path of a model's page."""
    return f"/model/{ask(client, 'get-model', headers=called(name, version)).json()['model_id']}"


class Markup(HTMLParser):
    """The tags and attributes that a browser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def everywhere(client: httpx.Client) -> Iterator[str]:
    """Yield the HTML of every page that `PATHS` lead to."""
    left, found = list(PATHS), set(PATHS)
    while left:
        text = client.get(left.pop()).text
        yield text
        links = {html.unescape(link) for link in re.findall(r'<a [^>]*href="(/[^"]*)"', text)} - found
        left += links
        found |= links


def test_it_lists_the_registered_models(page: httpx.Client) -> None:
    ask(page, "add-model", json=v1("beta", endpoint={"host": "b.example.com", "scheme": "http", "port": 8000}))
    ask(page, "add-model", json={**v1("Alpha", hosting_type="Internal"), "model_name": "org/alpha"})
    text = seen(page)
    assert "2 models" in text
    assert "Alpha org/alpha 1 https://api.together.xyz openai, hosted internally LLM 2024-10-15 17:22:" in text
    assert "beta 1 http://b.example.com:8000 openai LLM 2024-10-15 17:22:" in text
    assert text.index("Alpha") < text.index("beta")


def test_an_empty_emulator_shows_how_to_register_models(page: httpx.Client) -> None:
    assert "pulumi config set enkrypt:endpoint http://127.0.0.1:8787" in seen(page)
    assert "<table" not in page.get("/").text
    assert "No model is registered." in seen(page)
    assert "No policy is registered." in seen(page, "/policies")
    assert "Nothing has been registered" in seen(page, "/changes")
    assert "No request was recorded here." in seen(page, "/requests")


def test_every_account_is_shown(embedded: Connect) -> None:
    keys = {"key-1": "team-a", "key-2": "team-b"}
    one, other, nobody = (here(embedded(page=True, keys=keys, apikey=key)) for key in [*keys, ""])
    ask(one, "add-model", json=v1("of-one"))
    assert "Account" not in seen(one)
    ask(other, "add-model", json=v1("of-other"))
    assert "of-one team-a 1" in seen(nobody)
    assert "of-other team-b 1" in seen(nobody)
    assert "of-one team-a 1" not in seen(nobody, "/?account=team-b")
    assert "1 model of 2 found" in seen(nobody, "/?account=team-b")
    assert "the account “<b>”" in seen(nobody, "/?account=<b>")


def test_no_key_is_on_any_page(embedded: Connect) -> None:
    """Wherever a key was sent, accepted or refused, changed or deleted, no page shows it; nor the API key."""
    options: dict[str, Any] = {"page": True, "record": True, "apikey": "sk-SECRET-0"}
    clients = {name: here(embedded(dialect=name, **options)) for name in ("v1", "v2")}
    for dialect, body in SECRETS:
        client, name = clients[dialect], called("Test_Model" if dialect == "v1" else "b")
        ask(client, "add-model", json=body)
        ask(client, "modify-model", headers=name, json=body)
        client.get("/models/list-models?apikey=sk-SECRET-0")
    ask(clients["v2"], "delete-model", headers=called("b"))
    pages = list(everywhere(clients["v1"]))
    assert len(pages) == len(PATHS) + 2
    assert [re.findall(r".*SECRET.*", text) for text in pages if "SECRET" in text] == []
    assert sum(text.count("xxxxx") for text in pages) > 20


def test_everything_is_escaped(page: httpx.Client) -> None:
    body = v1(HOSTILE, system_prompt=ALSO_HOSTILE, metadata={ALSO_HOSTILE: ALSO_HOSTILE})
    body["model_name"] = ALSO_HOSTILE
    body["model_config"].update(model_version=ALSO_HOSTILE, endpoint={"host": "<svg"}, apikeys=[HOSTILE])
    assert ask(page, "add-model", json=body).status_code == 200
    body["model_config"].update(system_prompt=HOSTILE)
    ask(page, "modify-model", headers=called(HOSTILE, ALSO_HOSTILE), json=body)
    ask(page, "get-model", headers=called(ALSO_HOSTILE))
    page.get(f"/{HOSTILE}")
    page.post("/_emulator/faults", json=[{"call": "*", "status": 503, "body": HOSTILE, "model": "nobody"}])
    pages = [*everywhere(page)]
    pages += [page.get(f"{path}?q={quote(ALSO_HOSTILE)}&account={quote(HOSTILE)}").text for path in PATHS]
    for text in pages:
        markup = Markup(text)
        assert markup.tags.count("script") == markup.tags.count("link") - 1 == 1
        assert {"img", "svg", "style", "iframe"}.isdisjoint(markup.tags)
        assert not {name for name in markup.attributes if name.startswith("on") or name == "style"}
        assert "wowowo" not in text
    assert sum(html.escape(HOSTILE) in text for text in pages) > 5


@pytest.mark.parametrize("path", [*PATHS, "/model/1", "/page/page.css", "/page/page.js", "/page/icon.svg"])
def test_nothing_is_external_or_inline(page: httpx.Client, path: str) -> None:
    response = page.get(path)
    policy = dict(rule.split(" ", 1) for rule in response.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("frame-ancestors") == policy.pop("base-uri") == "'none'"
    assert set(policy.values()) == {"'self'"}
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    assert {name: response.headers[name] for name in headers} == headers
    assert not re.search(r"https?:", re.sub(r"http://(www\.w3\.org/2000/svg|127\.0\.0\.1:8787)\b", "", response.text))
    assert {page.request(method, path).status_code for method in ("POST", "PUT", "DELETE")} == {405}


@pytest.mark.parametrize(
    ("client", "host", "status"),
    [("127.0.0.1", "localhost:8787", 200), ("::1", "[::1]:8787", 200), ("10.0.0.7", "127.0.0.1", 403),
     ("", "127.0.0.1", 403), ("127.0.0.1", "rebound.example.com", 403)],
)  # fmt: skip
@pytest.mark.parametrize("path", [*PATHS, "/model/1", "/page/page.js"])
def test_only_this_machine_sees_it(database: Path, client: str, host: str, status: int, path: str) -> None:
    """Other machines are refused, and so is a browser that DNS rebinding sends here."""
    app = create_app(database, page=True).test_client()
    response = app.get(path, headers={"Host": host}, environ_base={"REMOTE_ADDR": client})
    assert response.status_code == (404 if (status, path) == (200, "/model/1") else status)
    assert ("text/html" in response.headers["Content-Type"]) or status == 200


def test_viewing_a_page_leaves_no_trace(embedded: Connect) -> None:
    """A view is not an API request: it meets no fault and is not logged. Without `page` there are no pages."""
    client = here(embedded(page=True, record=True, faults=[Fault(status=503)]))
    assert len([*everywhere(client)]) == len(PATHS)
    assert client.get("/_emulator/requests").json() == []
    assert client.get("/_emulator/faults").json()[0]["met"] == 0
    response = here(embedded(faults=[])).get("/")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/json")


def test_many_models_are_paginated(page: httpx.Client) -> None:
    names = [f"m{number:03}" for number in range(120)]
    for name in names:
        ask(page, "add-model", json=v1(name))
    pages = [re.findall(r"\bm\d{3}\b", seen(page, path)) for path in ("/", "/?page=2", "/?page=3")]
    assert [name for rows in pages for name in rows] == names
    assert [len(rows) for rows in pages] == [50, 50, 20]
    assert "51 to 100 of 120" in seen(page, "/?page=2")
    assert re.findall(r'id="(?:next|previous)".*?href="([^"]*)"', page.get("/?page=2").text) == ["/", "/?page=3"]
    assert seen(page, "/?page=99") == seen(page, "/?page=3")
    assert seen(page, "/?page=-1") == seen(page, "/?page=x") == seen(page)
    assert len(re.findall(r"\bm\d{3}/1", seen(page, "/changes?page=3"))) == 20
    assert len(re.findall(r"\bm\d{3}/1", seen(page, "/requests?page=2"))) == 50


@pytest.mark.parametrize("words", ["HAT", "2024-08", "azure_OPENAI", "gpt-4o", "host.example", " chat "])
def test_models_can_be_searched(page: httpx.Client, words: str) -> None:
    wanted = v1("chat", model_version="2024-08-06", is_compatible_with="azure_openai")
    wanted["model_config"]["endpoint"] = {"host": "host.example.com"}
    ask(page, "add-model", json={**wanted, "model_name": "GPT-4o"})
    ask(page, "add-model", json=v1("other", apikeys=["HAT gpt-4o"], system_prompt="HAT 2024-08"))
    text = seen(page, f"/?q={quote(words)}")
    assert "1 model of 2 found" in text
    assert "chat" in text
    assert "other" not in text
    assert "No model has “100%” in its name" in seen(page, "/?q=100%25")
    ask(page, "add-model", json=v1("100%"))
    assert "1 model of 3 found" in seen(page, "/?q=100%25")


def test_a_model_has_its_own_page(page: httpx.Client) -> None:
    config: dict[str, Any] = {
        "metadata": {"owner": "ml", "limits": {"day": 5}},
        "default_request_options": {"stop": []},
    }
    ask(page, "add-model", json=v1(apikeys=["sk-SECRET-1"], **config))
    ask(page, "modify-model", headers=IDENTITY, json=v1(apikeys=["sk-SECRET-2"], paths={"vision": "/see"}))
    for _ in range(2):
        ask(page, "modify-model", headers=IDENTITY, json=v1(system_prompt="Be fair.", paths={"vision": "/see"}))
    ask(page, "add-model", json=v1("Test_Model_2"))
    there = address(page, "Test_Model")
    assert "SECRET" not in page.get(there).text
    text = seen(page, there)
    assert "model_saved_name Test_Model model_version 1 testing_for LLM" in text
    assert "certifications empty model_config apikeys empty metadata empty hosting_type External" in text
    assert "system_prompt Be fair." in text
    assert "model_config.endpoint host api.together.xyz port 443" in text
    assert "set by the server account default project_name default model_id" in text
    history = text.partition("History")[2].partition("Last requests")[0]
    assert re.findall("registered|changed|deleted", history) == ["changed", "changed", "changed", "registered"]
    for difference in (
        "nothing: the same values were sent again",
        "model_config.apikeys xxxxx → became empty",
        "model_config.apikeys xxxxx → became a different value, which is not shown",
        "model_config.system_prompt empty → became Be fair.",
        "model_config.paths.vision absent → became /see",
        "model_config.metadata.owner ml → became absent",
        "model_config.metadata.limits.day 5 → became absent",
        "model_config.default_request_options.stop empty → became absent",
    ):
        assert difference in history
    assert "model_config.metadata empty" not in history
    requests = text.partition("Last requests")[2]
    assert re.findall(r"\w+_model\b", requests) == ["get_model", *["modify_model"] * 3, "add_model"]


def test_a_renamed_and_a_deleted_model_keep_their_history(page: httpx.Client) -> None:
    ask(page, "add-model", json=v1())
    there = address(page, "Test_Model")
    ask(page, "modify-model", headers=IDENTITY, json=v1("New_Name"))
    assert "model_saved_name Test_Model → became New_Name" in seen(page, there)
    ask(page, "delete-model", headers=called("New_Name"))
    ask(page, "add-model", json=v1("New_Name"))
    text = seen(page, there)
    assert re.search(r"Deleted 2024-10-15 17:22:\d\d ; these were its last values", text)
    history = text.partition("History")[2].partition("Last requests")[0]
    assert re.findall("registered|changed|deleted", history) == ["deleted", "changed", "registered"]
    assert address(page, "New_Name") != there
    assert seen(page, "/changes").count("New_Name") == 4
    assert "0 models" not in seen(page)


def test_a_truncated_history_says_so(page: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "UNDOABLE", 3)
    ask(page, "add-model", json=v1("old"))
    for number in range(63):
        ask(page, "modify-model", headers=called("old"), json=v1("old", system_prompt=str(number)))
    text = seen(page, address(page, "old"))
    assert text.count("became") == 3
    assert "registered the changes in between are no longer kept" in text


@pytest.mark.parametrize("kind", LISTS)
def test_an_unknown_id_is_not_found(page: httpx.Client, kind: str) -> None:
    """The response is a page with status 404, also for the id of another kind."""
    others = [added.add(page)[added.number] for added in (POLICY, DEPLOYMENT) if added.noun != kind]
    for number in (1, 10**30, *others):
        response = page.get(f"/{kind}/{number}")
        assert (response.status_code, f"No {kind} has this id" in response.text) == (404, True)


# ---- policies and deployments


BLOCKING = {"policy_name": "strict", "enabled": True, "block": ["pii", "nsfw"]}


def test_policies_and_deployments_are_listed(page: httpx.Client) -> None:
    """One row has the detectors that are on, or the model, the policies and what they block."""
    detectors = {"pii": {"enabled": True}, "nsfw": {"enabled": True}, "bias": {"enabled": False}}
    POLICY.add(page, name="strict", description="For all.", detectors=detectors)
    POLICY.add(page, name="idle", detectors={})
    DEPLOYMENT.add(page, input_guardrails_policy=BLOCKING, output_guardrails_policy={"policy_name": "idle"})
    text = seen(page, "/policies")
    assert "2 policies" in text
    assert re.search(r"idle none 2024\S+ \S+ strict For all\. nsfw, pii 2024", text)
    assert "x m/v1 strict blocks pii, nsfw idle not enabled 2024" in seen(page, "/deployments")
    for path, words in (("/policies", "FOR all"), ("/deployments", "strict"), ("/deployments", "m")):
        assert " of " in seen(page, f"{path}?q={quote(words)}").partition(" found")[0]
    assert "No policy has “zzz” in its name or description." in seen(page, "/policies?q=zzz")
    assert "0 deployments of 1 found" in seen(page, "/deployments?q=zzz")


@pytest.mark.parametrize("kind", [POLICY, DEPLOYMENT], ids=lambda kind: kind.noun)
def test_each_kind_has_pages_with_its_history(page: httpx.Client, kind: Kind) -> None:
    """A page has the fields, the history across a rename and a deletion, and the requests."""
    there = f"/{kind.noun}/{kind.add(page)[kind.number]}"
    kind.ask(page, "modify", "x", {**kind.body, **kind.change, "name": "y"})
    text = seen(page, there)
    assert f"{kind.noun} y Registered, last changed 2024-10-15" in text
    assert f"set by the server account default project_name default {kind.noun}_id" in text
    assert "name x → became y" in text
    kind.ask(page, "delete", "y")
    kind.ask(page, "get", "y")
    text = seen(page, there)
    assert "Deleted 2024-10-15" in text
    history, _, requests = text.partition("History")[2].partition(f"Last requests about this {kind.noun}")
    assert re.findall("registered|changed|deleted", history) == ["deleted", "changed", "registered"]
    assert re.findall(r"\w+_(?:policy|deployment)\b", requests)[:2] == [f"get_{kind.noun}", f"delete_{kind.noun}"]
    changes = re.findall(rf"(\w+) {kind.noun} ([xy])\b", seen(page, "/changes"))
    assert changes == [("deleted", "y"), ("changed", "y"), ("registered", "x")]
    assert f"delete_{kind.noun} {kind.noun} y 200" in seen(page, "/requests")
    assert "2 requests found" in seen(page, f"/requests?q={kind.noun}+x")


def test_a_detector_is_a_group_of_its_own(page: httpx.Client) -> None:
    """Like the objects in a model."""
    number = POLICY.add(page, detectors={"topic_detector": {"enabled": True, "topic": ["a", "b"]}})["policy_id"]
    text = seen(page, f"/policy/{number}")
    assert "name x description empty detectors.topic_detector enabled true topic a, b set by" in text


def test_a_deployment_of_a_project_is_shown_with_its_account(embedded: Connect) -> None:
    """Like its model and policies, though its name is unique in the whole account."""
    client = here(embedded(page=True, keys={"key-1": "acme/prod"}, apikey="key-1"))
    number = DEPLOYMENT.add(client)["deployment_id"]
    POLICY.add(client)
    assert "1 policy of 1 found" in seen(client, "/policies?account=acme/prod")
    assert "1 deployment of 1 found" in seen(client, "/deployments?account=acme/prod")
    DEPLOYMENT.ask(client, "delete", "x")
    assert "set by the server account acme/prod project_name prod" in seen(client, f"/deployment/{number}")


def test_requests_are_shown_with_their_faults(page: httpx.Client) -> None:
    faults = [{"call": "add_model", "status": 503, "first": 1}, {"call": "list_models", "reset": "after"}]
    page.post("/_emulator/faults", json=faults)
    for _ in range(2):
        ask(page, "add-model", json=v1(apikeys=["sk-1"]))
    ask(page, "delete-model", headers=called("Nobody"))
    page.get("/elsewhere")
    with pytest.raises(ConnectionResetError):
        ask(page, "list-models")
    text = seen(page, "/requests")
    assert "5 requests" in text
    assert "Active faults Fault Matching calls add_model:first=1,status=503 2 list_models:reset=after 1" in text
    for row in (
        r"5 \S+ \S+ list_models – reset [\d.]+ ms list_models:reset=after",
        r"4 \S+ \S+ GET /elsewhere – 404 [\d.]+ ms – – 3",
        r"3 \S+ \S+ delete_model model Nobody/1 404 [\d.]+ ms – –",
        r"1 \S+ \S+ add_model model Test_Model/1 503 [\d.]+ ms add_model:first=1,status=503 JSON",
    ):
        assert re.search(row, text)
    assert '"apikeys": [ "xxxxx" ]' in text
    searches = {"503": 1, "TEST_model/1": 2, "delete": 1, "apikeys": 0, "elsewhere": 1, "model nobody": 1}
    for words, count in searches.items():
        assert f"{count} request{'s' * (count != 1)} found" in seen(page, f"/requests?q={words}")


def test_registrations_of_another_emulator_are_shown_without_requests(page: httpx.Client, embedded: Connect) -> None:
    ask(embedded(), "add-model", json=v1("of-the-provider"))
    assert "of-the-provider" in seen(page)
    assert "registered model of-the-provider/1" in seen(page, "/changes")
    there = re.findall(r"/model/\d+", page.get("/").text)[0]
    assert "No request about this model was recorded here" in seen(page, there)
    text = seen(page, "/requests")
    assert "0 requests" in text
    assert "A stack with enkrypt:endpoint: embedded , such as the one that make up deploys" in text
    assert "set enkrypt:endpoint to http://127.0.0.1:8787." in text
    unrecorded = here(embedded(page=True))
    assert "Requests are not recorded: the emulator runs with --no-record ." in seen(unrecorded, "/requests")
    assert "request" not in seen(unrecorded, there).partition("History")[2]


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/json"), ("", "application/json")]
)
def test_an_unknown_path_is_reported_as_html_or_json(page: httpx.Client, accept: str, kind: str) -> None:
    response = page.get("/nowhere", headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (404, kind)
    assert ("There is nothing at /nowhere." in response.text) == (kind == "text/html")
    assert ("Content-Security-Policy" in response.headers) == (kind == "text/html")
    assert len(page.get("/_emulator/requests").json()) == (kind != "text/html")


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_page_is_not_sent_again(page: httpx.Client, path: str) -> None:
    tag = {"If-None-Match": page.get(path).headers["ETag"]}
    assert (page.get(path, headers=tag).status_code, page.get(path, headers=tag).content) == (304, b"")
    ask(page, "add-model", json=v1())
    for kind in (POLICY, DEPLOYMENT):
        kind.add(page)
    assert page.get(path, headers=tag).status_code == 200


def test_a_broken_database_is_an_error_page(page: httpx.Client, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE changes")
    connection.close()
    response = page.get("/changes")
    assert (response.status_code, "no such table: changes" in response.text) == (500, True)
