// What a new integrator does first, with a client whose types were generated from the server's description: register an agent,
// define a workflow, execute it, read its result; cancel a run; mend and retry another; read a problem document.
//
// Usage: node built/walk.js SERVER AGENTS, with the key in ORRERY_KEY. It prints what it saw, and ends with status 1 at the first
// thing that is not as it should be.

import assert from "node:assert/strict";
import { setTimeout as after } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Problem = components["schemas"]["Problem"];
type Run = components["schemas"]["ExplainedRun"];
type Answer<T> = { data?: T; error?: Problem; response: Response };

const [server, agents] = process.argv.slice(2);
const key = process.env["ORRERY_KEY"];
assert(server && agents && key, "usage: ORRERY_KEY=… walk.js SERVER AGENTS");
const api = createClient<paths>({ baseUrl: server, headers: { "X-API-Key": key } });

/** The data of an answer; a refusal is an error that says what the problem document says. */
function must<T>({ data, error, response }: Answer<T>): T {
  if (error !== undefined) {
    const mistakes = (error.errors ?? []).map((mistake) => `${mistake.pointer}: ${mistake.message}`);
    throw new Error([`${response.status} ${error.code}: ${error.detail}`, ...mistakes].join("\n  "));
  }
  assert(data !== undefined, `${response.url} answered ${response.status} without a body`);
  return data;
}

/** The problem document of an answer that is to be one. */
function refused<T>({ error, response }: Answer<T>): Problem {
  assert(error !== undefined, `${response.url} was not refused`);
  assert.equal(error.status, response.status);
  return error;
}

async function agent(name: string, path: string) {
  const settings = { max_retries: 0 };
  return must(await api.POST("/api/v1/agents", { body: { name, url: `${agents}/${path}`, retry_config: settings } }));
}

async function workflow(name: string, agent_name: string) {
  const say = { id: "say", agent_name, next_step: null, input_mapping: { text: "${workflow.input.text}" } };
  const output = { said: "${say.output.text}" };
  return must(await api.POST("/api/v1/workflows", { body: { name, start_step: "say", steps: { say }, output } }));
}

async function execute(workflow_id: string, text: string) {
  const params = { path: { workflow_id } };
  return must(await api.POST("/api/v1/workflows/{workflow_id}/execute", { params, body: { input_data: { text } } }));
}

async function until(run_id: string, status: Run["status"]): Promise<Run> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const run = must(await api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id } } }));
    if (run.status === status) return run;
    assert(Date.now() < deadline, `run ${run_id} is ${run.status} and not ${status}: ${JSON.stringify(run.waiting_on)}`);
    await after(50);
  }
}

// A run to its end.
await agent("TypeScript echo", "echo");
const said = await workflow("typescript-said", "TypeScript echo");
const started = await execute(said.id, "hello");
const done = await until(started.id, "COMPLETED");
assert.deepEqual(done.output_data, { said: "hello" });
const steps = must(await api.GET("/api/v1/runs/{run_id}/steps", { params: { path: { run_id: done.id } } }));
assert.deepEqual(steps.map((step) => [step.step_id, step.status]), [["say", "COMPLETED"]]);
console.log(`executed ${done.id}: ${JSON.stringify(done.output_data)}`);

// Another is cancelled while its agent takes its time.
await agent("TypeScript slow", "slow?ms=60000");
const slow = await execute((await workflow("typescript-slow", "TypeScript slow")).id, "never mind");
const cancel = { params: { path: { run_id: slow.id } }, body: { reason: "it takes too long" } };
must(await api.POST("/api/v1/runs/{run_id}/cancel", cancel));
const cancelled = await until(slow.id, "CANCELLED");
console.log(`cancelled ${cancelled.id}: ${cancelled.error_message}`);

// A third fails because its agent is not there; then the agent is mended, and the run retried.
const lost = must(
  await api.POST("/api/v1/agents", {
    body: { name: "TypeScript lost", url: "http://127.0.0.1:9/nobody", retry_config: { max_retries: 0 } },
  }),
);
const failing = await execute((await workflow("typescript-lost", "TypeScript lost")).id, "again");
const failed = await until(failing.id, "FAILED");
console.log(`failed ${failed.id}: ${failed.error_message}`);
const mended = { params: { path: { agent_id: lost.id } }, body: { url: `${agents}/echo` } };
must(await api.PUT("/api/v1/agents/{agent_id}", mended));
must(await api.POST("/api/v1/runs/{run_id}/retry", { params: { path: { run_id: failed.id } } }));
assert.deepEqual((await until(failed.id, "COMPLETED")).output_data, { said: "again" });
console.log(`retried ${failed.id}`);

// What is wrong is told all at once, each mistake with its place.
const mistaken = { id: "a", agent_name: "Nobody", next_step: "b", input_mapping: { x: "${c.output}" } };
const problem = refused(
  await api.POST("/api/v1/workflows", { body: { name: "typescript-mistaken", start_step: "a", steps: { a: mistaken } } }),
);
assert.equal(problem.status, 422);
assert((problem.errors ?? []).length >= 2, "there are several mistakes");
console.log(`refused: ${problem.code} (${problem.type})`);
for (const mistake of problem.errors ?? []) console.log(`  ${mistake.pointer}: ${mistake.message}`);

const stranger = createClient<paths>({ baseUrl: server });
assert.equal(refused(await stranger.GET("/api/v1/runs")).code, "unauthenticated");
