"""What Schemathesis is told beyond its settings: what must not be asked, what it may ask about, and which of its findings are none.

A finding is dropped only where the answer of the server itself says why the request was refused: by its code, or by the
sentence about each mistake. Everything else fails the run.
"""

import collections
import json
import os
import random
import re
import uuid

import jsonschema
import requests
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

KEY = os.environ["ORRERY_KEY"]
AGENTS = os.environ["ORRERY_AGENTS"]

# The id of a key stands in its text: ork_<id>_<secret>.
OWN_KEY = uuid.UUID(KEY.split("_")[1])

# Sound requests are refused with 422 for what the server knows and a schema does not: what an agent or a workflow asks for.
KNOWN_BY_THE_SERVER = {"input_invalid", "workflow_invalid"}

# A mistake of this type is of a rule that stands beside the schema: members that exclude or need each other, texts without control
# characters, URLs, cursors. Mistakes of what the schema itself says have other types (`missing`, `string_too_short`, ...).
BESIDE_THE_SCHEMA = "value_error"
# Unless the schema takes what the server cannot read: then they disagree, and this is what it says.
TOO_LENIENT = re.compile(r"cannot be read as described|breaks the rule")

# A header that Schemathesis makes up.
UNKNOWN_HEADER = "x-schemathesis-unknown-property"

# Which operations answer with the ids that others take.
LISTS = {
    "/api/v1/agents": ("agent_id", "id"),
    "/api/v1/api-keys": ("key_id", "id"),
    "/api/v1/dlq": ("dlq_id", "id"),
    "/api/v1/runs": ("run_id", "run_id"),
    "/api/v1/users": ("user_id", "id"),
    "/api/v1/workflows": ("workflow_id", "id"),
    "/api/v1/workflows/{workflow_id}/execute": ("run_id", "run_id"),
}
SEEN = collections.defaultdict(lambda: collections.deque(maxlen=50))
CHANCE = random.Random(7)
# The description that is asked from.
DOCUMENT = {}


@schemathesis.hook
def before_load_schema(ctx, raw_schema):
    """The agents of the examples, so that the workflow of the examples can be saved and executed."""
    DOCUMENT.update(raw_schema)
    session = requests.Session()
    session.trust_env = False
    base = os.environ["ORRERY_SERVER"]
    for name in ["Fetcher", "Summariser"]:
        body = {"name": name, "url": f"{AGENTS}/echo"}
        answer = session.post(f"{base}/api/v1/agents", json=body, headers={"X-API-Key": KEY}, timeout=10)
        answer.raise_for_status()


@schemathesis.hook
def after_call(ctx, case, response):
    """Remembers what there is."""
    if case.operation.path not in LISTS or response.status_code >= 300:
        return
    parameter, member = LISTS[case.operation.path]
    body = response.json()
    for item in body.get("items", [body]):
        if isinstance(item, dict) and member in item:
            SEEN[parameter].append(item[member])


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Half of the sound requests are about something that there is. The key that Schemathesis itself presents is neither rotated nor
    revoked: nothing would be let in afterwards."""
    parameters = case.path_parameters or {}
    if case.meta is not None and case.meta.generation.mode.is_positive:
        for name in parameters:
            if SEEN[name] and CHANCE.random() < 0.5:
                parameters[name] = CHANCE.choice(SEEN[name])
    named = parameters.get("key_id")
    if named is not None and str(named).replace("-", "").lower() == OWN_KEY.hex:
        parameters["key_id"] = str(uuid.uuid4())


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Whether it is a finding."""
    if failure.code == "ST108" and "text/event-stream" in response.headers.get("content-type", [""])[0]:
        # OpenAPI has words for events of a stream from 3.2 on. Our schema is that of their `data`, as the description says.
        return not all_data_fits(case, response)
    if isinstance(failure, RejectedPositiveData):
        problem = response.json()
        # A list without items is sent as a parameter without a value, and that is a filter that somebody forgot to fill in.
        empty = {name for name, value in (case.query or {}).items() if value in ([], "")}
        if any(m["in"] == "query" and m["pointer"].lstrip("/").split("/")[0] in empty for m in problem.get("errors", [])):
            return False
        # 400 means that what is there, or its state, does not allow it (as the old API says it), and 412 that it has changed; a
        # request that cannot be read is `bad_request`. Made-up idempotency keys meet each other.
        by_state = problem["status"] in (400, 412) and problem["code"] != "bad_request"
        if by_state or problem["code"] in KNOWN_BY_THE_SERVER or problem["code"].startswith("idempotency_"):
            return False
        mistakes = problem.get("errors", [])
        beside = [m for m in mistakes if m["type"] == BESIDE_THE_SCHEMA and not TOO_LENIENT.search(m["message"])]
        return not mistakes or len(beside) < len(mistakes)
    if isinstance(failure, AcceptedNegativeData):
        # A parameter without a value counts as absent, as pages with forms and clients of streams send it. A header that a server does
        # not know is no mistake (RFC 9110, 5.1).
        headers = case.headers or {}
        return "" not in [*(case.query or {}).values(), *headers.values()] and UNKNOWN_HEADER not in headers
    return True


def all_data_fits(case, response):
    """Whether the data of every event of a stream is as described."""
    operation = DOCUMENT["paths"][case.operation.path][case.operation.method.lower()]
    schema = operation["responses"][str(response.status_code)]["content"]["text/event-stream"]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    data = re.findall(r"^data: ?(.*)$", response.text, re.MULTILINE)
    return all(validator.is_valid(json.loads(text)) for text in data)
