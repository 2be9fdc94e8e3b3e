"""What a new integrator does first, with a client that was generated from the server's description: register an agent, define a
workflow, execute it, read its result; cancel a run; mend and retry another; read a problem document.

Usage: walk.py SERVER AGENTS, with the key in ORRERY_KEY and the generated package `orrery_client` on the path. It prints what
it saw, and ends with an error at the first thing that is not as it should be.
"""

import os
import sys
import time
from typing import TypeVar

from orrery_client import AuthenticatedClient, Client
from orrery_client.api.agents import create_agent, update_agent
from orrery_client.api.runs import cancel_run, get_run, list_runs, list_steps, retry_run
from orrery_client.api.workflows import create_workflow, execute_workflow
from orrery_client.models import (
    Agent,
    CancelRun,
    CreateAgent,
    CreateWorkflow,
    ExecuteWorkflow,
    ExplainedRun,
    Problem,
    RetryRun,
    UpdateAgent,
    Workflow,
)
from orrery_client.types import Response

T = TypeVar("T")

SERVER, AGENTS = sys.argv[1:3]
api = AuthenticatedClient(
    base_url=SERVER,
    token=os.environ["ORRERY_KEY"],
    prefix="",
    auth_header_name="X-API-Key",
    raise_on_unexpected_status=True,
    httpx_args={"trust_env": False},
)


def must(answer: Response) -> object:
    """The body of an answer; a refusal is an error that says what the problem document says."""
    body = answer.parsed
    if isinstance(body, Problem):
        mistakes = [f"{mistake.pointer}: {mistake.message}" for mistake in body.errors or []]
        raise RuntimeError("\n  ".join([f"{body.status} {body.code}: {body.detail}", *mistakes]))
    assert body is not None, answer
    return body


def refused(answer: Response) -> Problem:
    """The problem document of an answer that is to be one."""
    assert isinstance(answer.parsed, Problem), answer
    assert answer.parsed.status == answer.status_code
    return answer.parsed


def agent(name: str, url: str) -> Agent:
    body = CreateAgent.from_dict({"name": name, "url": url, "retry_config": {"max_retries": 0}})
    return must(create_agent.sync_detailed(client=api, body=body))


def workflow(name: str, agent_name: str) -> Workflow:
    say = {"id": "say", "agent_name": agent_name, "next_step": None, "input_mapping": {"text": "${workflow.input.text}"}}
    output = {"said": "${say.output.text}"}
    body = CreateWorkflow.from_dict({"name": name, "start_step": "say", "steps": {"say": say}, "output": output})
    return must(create_workflow.sync_detailed(client=api, body=body))


def execute(of: Workflow, text: str) -> str:
    body = ExecuteWorkflow.from_dict({"input_data": {"text": text}})
    return must(execute_workflow.sync_detailed(of.id, client=api, body=body)).id


def until(run_id: str, status: str) -> ExplainedRun:
    deadline = time.monotonic() + 30
    while True:
        run = must(get_run.sync_detailed(run_id, client=api))
        if run.status == status:
            return run
        assert time.monotonic() < deadline, f"run {run_id} is {run.status} and not {status}: {run.waiting_on}"
        time.sleep(0.05)


# A run to its end.
agent("Python echo", f"{AGENTS}/echo")
done = until(execute(workflow("python-said", "Python echo"), "hello"), "COMPLETED")
assert done.output_data == {"said": "hello"}, done.output_data
steps = must(list_steps.sync_detailed(done.id, client=api))
assert [(step.step_id, step.status) for step in steps] == [("say", "COMPLETED")], steps
print(f"executed {done.id}: {done.output_data}")

# Another is cancelled while its agent takes its time.
agent("Python slow", f"{AGENTS}/slow?ms=60000")
slow = execute(workflow("python-slow", "Python slow"), "never mind")
must(cancel_run.sync_detailed(slow, client=api, body=CancelRun(reason="it takes too long")))
print(f"cancelled {slow}: {until(slow, 'CANCELLED').error_message}")

# A third fails because its agent is not there; then the agent is mended, and the run retried.
lost = agent("Python lost", "http://127.0.0.1:9/nobody")
failed = until(execute(workflow("python-lost", "Python lost"), "again"), "FAILED")
print(f"failed {failed.id}: {failed.error_message}")
must(update_agent.sync_detailed(lost.id, client=api, body=UpdateAgent(url=f"{AGENTS}/echo")))
must(retry_run.sync_detailed(failed.id, client=api, body=RetryRun()))
assert until(failed.id, "COMPLETED").output_data == {"said": "again"}
print(f"retried {failed.id}")

# What is wrong is told all at once, each mistake with its place.
mistaken = {"id": "a", "agent_name": "Nobody", "next_step": "b", "input_mapping": {"x": "${c.output}"}}
body = CreateWorkflow.from_dict({"name": "python-mistaken", "start_step": "a", "steps": {"a": mistaken}})
problem = refused(create_workflow.sync_detailed(client=api, body=body))
assert problem.status == 422 and len(problem.errors or []) >= 2, problem
print(f"refused: {problem.code} ({problem.type_})")
for mistake in problem.errors or []:
    print(f"  {mistake.pointer}: {mistake.message}")

stranger = Client(base_url=SERVER, httpx_args={"trust_env": False})
assert refused(list_runs.sync_detailed(client=stranger)).code == "unauthenticated"
