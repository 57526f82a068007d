"""The life cycle of each kind of registration, the errors of its calls, and the quirks of other servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from enkrypt_provider.emulator import spelled_fault

from .conftest import Clock, Connect
from .document import v1

Json = Any


@dataclass(frozen=True)
class Kind:
    """One kind and its calls: `body` is a minimal body, `change` a change to it."""

    noun: str
    plural: str
    base: str
    body: dict[str, Json]
    change: dict[str, Json]
    unlisted: frozenset[str] = frozenset()
    name: str = "name"
    label: str = "{}"
    """How messages refer to one."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Headers besides the one for the name."""

    @property
    def header(self) -> str:
        return f"X-Enkrypt-{self.noun.capitalize()}"

    @property
    def number(self) -> str:
        return f"{self.noun}_id"

    def named(self, name: str, **changes: Json) -> Json:
        return {**self.body, **changes, self.name: name}

    def ask(self, client: httpx.Client, call: str, name: str | None = None, body: Json = None) -> httpx.Response:
        method = {"add": "POST", "get": "GET", "list": "GET", "modify": "PATCH", "delete": "DELETE"}[call]
        noun = self.plural if call == "list" else self.noun
        headers = {} if name is None else {self.header: name, **self.more}
        return client.request(method, f"{self.base}/{call}-{noun}", headers=headers, json=body)

    def add(self, client: httpx.Client, name: str = "x", **changes: Json) -> Json:
        response = self.ask(client, "add", body=self.named(name, **changes))
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def list(self, client: httpx.Client) -> Json:
        response = self.ask(client, "list").json()
        assert list(response) == [self.plural]
        return response[self.plural]


MODEL = Kind(
    "model", "models", "/models", v1("x"), {"testing_for": "Chatbot"}, name="model_saved_name", label="{}/1",
    more={"X-Enkrypt-Model-Version": "1"},
)  # fmt: skip
POLICY = Kind(
    "policy", "policies", "/guardrails", {"name": "x", "detectors": {"nsfw": {"enabled": True}}},
    {"detectors": {"bias": {"enabled": True}}}, frozenset({"detectors"}),
)  # fmt: skip
DEPLOYMENT = Kind(
    "deployment", "deployments", "/deployments", {"name": "x", "model_saved_name": "m"}, {"model_version": "2"},
    frozenset({"input_guardrails_policy", "output_guardrails_policy"}),
)  # fmt: skip
KINDS = pytest.mark.parametrize("kind", [MODEL, POLICY, DEPLOYMENT], ids=lambda kind: kind.noun)
DETECTORS = (
    "topic_detector", "nsfw", "toxicity", "pii", "injection_attack", "keyword_detector", "policy_violation", "bias",
    "copyright_ip", "system_prompt", "sponge_attack",
)  # fmt: skip


# ---- life cycle


@KINDS
def test_it_is_added_read_listed_changed_and_deleted(connect: Connect, kind: Kind) -> None:
    client = connect(clock=Clock())
    added = kind.ask(client, "add", body=kind.body).json()
    assert added["message"] == f"{kind.noun.capitalize()} details added successfully"
    made = added["data"]
    assert kind.ask(client, "get", "x").json() == made
    assert kind.list(client) == [{name: it for name, it in made.items() if name not in kind.unlisted}]

    changed = kind.ask(client, "modify", "x", {**kind.body, **kind.change}).json()
    assert changed["message"] == f"{kind.noun.capitalize()} details updated successfully"
    assert changed["data"] == {**made, **kind.change, "updated_at": changed["data"]["updated_at"]}
    assert changed["data"]["updated_at"] > made["updated_at"] == made["created_at"]

    gone = kind.ask(client, "delete", "x").json()
    assert gone["message"] == f"{kind.noun.capitalize()} details deleted successfully"
    expected = {kind.number: made[kind.number], "project_name": "default"}
    assert gone["data"] == ({"model_saved_name": "x", "model_version": "1"} if kind is MODEL else expected)
    assert (kind.ask(client, "get", "x").status_code, kind.list(client)) == (404, [])


@KINDS
def test_it_is_renamed_by_its_body(embedded: Connect, kind: Kind) -> None:
    """The header has the old name, which becomes free; a taken name is refused, and nothing changes."""
    client = embedded()
    made = kind.add(client)
    renamed = kind.ask(client, "modify", "x", kind.named("y")).json()["data"]
    assert (renamed[kind.name], renamed[kind.number]) == ("y", made[kind.number])
    assert kind.ask(client, "get", "x").status_code == 404
    kind.add(client)
    before = kind.list(client)
    assert kind.ask(client, "modify", "x", kind.named("y")).status_code == 409
    assert kind.list(client) == before
    assert [it[kind.name] for it in before] == ["y", "x"]


@KINDS
def test_it_survives_a_restart(embedded: Connect, kind: Kind) -> None:
    made = kind.add(embedded())
    assert kind.ask(embedded(), "get", "x").json() == made


def test_the_kinds_share_no_names_and_no_ids(embedded: Connect) -> None:
    client = embedded()
    assert len({kind.add(client)[kind.number] for kind in (MODEL, POLICY, DEPLOYMENT)}) == 3


KEYS = {"dev": "acme/dev", "a second": "acme/dev", "prod": "acme/prod", "other": "else/dev"}


@pytest.mark.parametrize(("kind", "status"), [(MODEL, 200), (POLICY, 200), (DEPLOYMENT, 409)])
def test_the_same_name_in_another_project_of_the_account(connect: Connect, kind: Kind, status: int) -> None:
    """Names are unique in a project, those of deployments in an account; only its project sees a registration."""
    made = kind.add(connect(apikey="dev", keys=KEYS))
    assert kind.ask(connect(apikey="a second", keys=KEYS), "get", "x").json() == made
    assert kind.ask(connect(apikey="unknown", keys=KEYS), "list").status_code == 401
    prod = connect(apikey="prod", keys=KEYS)
    assert kind.ask(prod, "get", "x").status_code == 404
    assert kind.ask(prod, "delete", "x").status_code == 404
    assert kind.list(prod) == []
    assert kind.ask(prod, "add", body=kind.body).status_code == status
    other = connect(apikey="other", keys=KEYS)
    assert kind.add(other)["project_name"] == "dev"
    assert kind.ask(other, "modify", "x", kind.body).json()["data"]["project_name"] == "dev"


# ---- errors


@KINDS
@pytest.mark.parametrize("call", ["get", "modify", "delete"])
def test_an_unknown_name_is_an_error_with_its_kind(connect: Connect, kind: Kind, call: str) -> None:
    client, body = connect(), kind.body if call == "modify" else None
    response = kind.ask(client, call, "nobody", body)
    message = f"no {kind.noun} {kind.label.format('nobody')} is registered"
    assert (response.status_code, response.json()["message"]) == (404, message)
    unnamed = kind.ask(client, call, None, body)
    assert (unnamed.status_code, unnamed.json()["message"]) == (400, f"the header {kind.header} is required")


@KINDS
def test_a_taken_name_is_refused(connect: Connect, kind: Kind) -> None:
    client = connect()
    made = kind.add(client)
    response = kind.ask(client, "add", body={**kind.body, **kind.change})
    message = f"a {kind.noun} {kind.label.format('x')} is already registered"
    assert (response.status_code, response.json()["message"]) == (409, message)
    assert kind.ask(client, "get", "x").json() == made


REFUSED = [
    (POLICY, {"name": "p" * 33},
     "name must be 1 to 32 printable ASCII characters without leading or trailing spaces"),
    (POLICY, {"description": "d" * 129}, "description must be at most 128 characters long"),
    (POLICY, {"detectors": None}, "detectors must be an object"),
    (POLICY, {"detectors": {"topic": {}}}, "detectors.topic is not a field of this API"),
    (POLICY, {"detectors": {"nsfw": {"enabled": "yes"}}}, "detectors.nsfw.enabled must be true or false"),
    (POLICY, {"detectors": {"bias": {"block_message": "x"}}},
     "detectors.bias.block_message is not a field of this API"),
    (POLICY, {"detectors": {"pii": {"entities": "pii"}}}, "detectors.pii.entities must be a list"),
    (POLICY, {"policy_id": 1}, "policy_id is not a field of this API"),
    (DEPLOYMENT, {"model_saved_name": 5}, "model_saved_name must be a string"),
    (DEPLOYMENT, {"input_guardrails_policy": {"block": ["relevancy"]}},
     f"input_guardrails_policy.block[0] must be one of: {', '.join(DETECTORS)}"),
    (DEPLOYMENT, {"output_guardrails_policy": {"additional_config": {"pii_redaction": True}}},
     "output_guardrails_policy.additional_config.pii_redaction is not a field of this API"),
]  # fmt: skip


@pytest.mark.parametrize("call", ["add", "modify"])
@pytest.mark.parametrize(("kind", "change", "message"), REFUSED)
def test_a_wrong_body_is_refused(
    embedded: Connect, kind: Kind, change: dict[str, Json], message: str, call: str
) -> None:
    client = embedded()
    if call == "modify":
        kind.add(client)
    response = kind.ask(client, call, "x", {**kind.body, **change})
    assert (response.status_code, response.json()["message"]) == (400, message)
    assert len(kind.list(client)) == (call == "modify")


def test_a_detector_has_its_own_defaults(embedded: Connect) -> None:
    client = embedded()
    sent: dict[str, Json] = {name: {} for name in DETECTORS}
    sent["policy_violation"] = {"rules": [{"text": "x"}]}
    shown = POLICY.add(client, detectors=sent)["detectors"]
    assert set(shown) == {*DETECTORS}
    assert shown["pii"] == {"enabled": False, "entities": []}
    assert shown["system_prompt"] == {"enabled": False, "index": "system"}
    assert shown["policy_violation"]["need_explanation"] is False
    assert shown["policy_violation"]["rules"][0]["applicability"] == ""
    assert POLICY.add(client, "y")["detectors"] == {"nsfw": {"enabled": True}}


def test_a_deployment_may_have_no_policy_and_no_version(embedded: Connect) -> None:
    """The official client sends "" for a version that is not set."""
    made = DEPLOYMENT.add(embedded(), model_version="")
    assert (made["model_version"], made["input_guardrails_policy"]) == ("v1", None)


# ---- quirks of other servers


def test_echo_shows_every_detector(embedded: Connect) -> None:
    made = POLICY.add(embedded(quirks="echo"))["detectors"]
    assert set(made) == {*DETECTORS}
    assert [name for name, it in made.items() if it["enabled"]] == ["nsfw"]


@pytest.mark.parametrize(("quirks", "kept"), [("", {"bias"}), ("merge", {"nsfw", "bias"})])
def test_merge_keeps_what_a_change_omits(embedded: Connect, quirks: str, kept: set[str]) -> None:
    client = embedded(quirks=quirks)
    POLICY.add(client)
    changed = POLICY.ask(client, "modify", "x", {"name": "x", **POLICY.change}).json()["data"]["detectors"]
    assert {name for name, it in changed.items() if it["enabled"]} == kept


@pytest.mark.parametrize(
    ("kind", "quirks"),
    [(MODEL, ""), (POLICY, ""), (POLICY, "revive"), (DEPLOYMENT, ""), (DEPLOYMENT, "revive")],
    ids=lambda it: getattr(it, "noun", it),
)
def test_revive_reuses_the_id_of_a_deleted_name(embedded: Connect, kind: Kind, quirks: str) -> None:
    client = embedded(quirks=quirks, clock=Clock())
    made = kind.add(client)
    kind.ask(client, "delete", "x")
    again = kind.add(client)
    is_same = (again[kind.number] == made[kind.number], again["created_at"] == made["created_at"])
    assert is_same == ((True, True) if quirks else (False, False))


@KINDS
def test_faults_apply_to_every_kind(embedded: Connect, kind: Kind) -> None:
    client = embedded(faults=[spelled_fault(f"add_{kind.noun}:status=503,work,first=1")])
    assert kind.ask(client, "add", body=kind.body).status_code == 503
    assert kind.ask(client, "get", "x").status_code == 200
