// An agent that speaks ACP and does exactly what its prompt says: a JSON list of steps, of which
// each turn does all. What it receives it writes to received.jsonl in its folder. The first argument
// is JSON that changes how it sets up: { hello, newSession, loadSession, before, stubborn, … }.
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const setUp = JSON.parse(process.argv[2] ?? "{}");
const sessionId = setUp.sessionId ?? "session-1";
const waiting = new Map();
const answers = {};
let cancelled = () => {};
let lastId = 0;

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const send = (message) => write({ jsonrpc: "2.0", ...message });
const update = (fields, session = sessionId) =>
  send({ method: "session/update", params: { sessionId: session, update: fields } });
const request = (method, params) =>
  new Promise((tell) => {
    lastId += 1;
    waiting.set(lastId, tell);
    send({ id: lastId, method, params: { sessionId, ...params } });
  });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// What a step says may hold "$name": the result of an earlier request, by its "as".
const filled = (value) =>
  JSON.parse(
    JSON.stringify(value).replace(/"\$(\w+)\.(\w+)"/g, (_, name, field) =>
      JSON.stringify(answers[name]?.result?.[field] ?? null),
    ),
  );

async function take(step, turn) {
  if (step.update) update(filled(step.update), step.session);
  if (step.say !== undefined) {
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: step.say } });
  }
  if (step.many) {
    const text = "x".repeat(step.size ?? 10);
    for (let n = 0; n < step.many; n += 1) {
      update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
    }
  }
  if (step.raw !== undefined) process.stdout.write(step.raw);
  if (step.stderr !== undefined) process.stderr.write(step.stderr);
  if (step.request) {
    const answer = request(step.request, filled(step.params ?? {})).then((message) => {
      answers[step.as ?? "last"] = message;
    });
    if (!step.withoutWaiting) await answer;
  }
  if (step.notify) send({ method: step.notify, params: { sessionId, ...step.params } });
  if (step.sayAnswer) {
    const { result, error } = answers[step.sayAnswer];
    const text = JSON.stringify(result ?? error);
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  }
  if (step.start) {
    const [command, ...args] = step.start;
    const child = spawn(command, args, { stdio: "ignore", detached: step.detached === true });
    update({
      sessionUpdate: "agent_message_chunk",
      content: { type: "text", text: `started ${child.pid}` },
    });
  }
  if (step.pauseMs) await pause(step.pauseMs);
  if (step.closeOutput) process.stdout.end();
  if (step.exit !== undefined) process.exit(step.exit);
  if (step.kill) process.kill(process.pid, step.kill);
  if (step.hang) {
    await (setUp.deaf ? new Promise(() => setInterval(() => {}, 1000)) : turn.cancelled);
  }
}

async function prompt(id, params) {
  const text = params.prompt.map((block) => block.text).join("");
  const steps = JSON.parse(text.slice(text.indexOf("[")));
  const turn = { cancelled: new Promise((tell) => (cancelled = () => tell("cancelled"))) };
  let answer = { result: { stopReason: "end_turn" } };
  const work = (async () => {
    for (const step of steps) {
      if (step.answer) answer = { result: step.answer };
      else if (step.error) answer = { error: step.error };
      else if (step.then) break;
      else await take(step, turn);
    }
  })();
  const end = await Promise.race([work, turn.cancelled]);
  if (end === "cancelled") answer = { result: { stopReason: "cancelled" } };
  if (end === "cancelled" && setUp.afterCancel) {
    for (const step of setUp.afterCancel) await take(step, turn);
  }
  send({ id, ...answer });
  for (const step of steps.find((one) => one.then)?.then ?? []) await take(step, turn);
}

let signedIn = !setUp.wantsAuth;
const open = async (id, result) => {
  if (!signedIn) {
    return send({ id, error: { code: -32000, message: "Authentication required" } });
  }
  for (const step of setUp.before ?? []) await take(step, {});
  send({ id, ...result });
};

const handlers = {
  initialize: (id) =>
    setUp.silent
      ? undefined
      : send({
          id,
          ...(setUp.hello ?? {
            result: {
              protocolVersion: 1,
              agentInfo: { name: setUp.name ?? "scripted", title: "Scripted", version: "1" },
              agentCapabilities: setUp.capabilities ?? {},
              authMethods: setUp.authMethods ?? [],
            },
          }),
        }),
  authenticate: (id) => {
    signedIn = true;
    send({ id, result: {} });
  },
  "session/new": (id) => open(id, setUp.newSession ?? { result: { sessionId } }),
  "session/load": async (id) => {
    for (const step of setUp.replay ?? []) await take(step, {});
    await open(id, setUp.loadSession ?? { result: {} });
  },
  "session/resume": (id) => open(id, setUp.loadSession ?? { result: {} }),
  "session/set_mode": (id) => send({ id, result: {} }),
  "session/set_model": (id) => send({ id, result: {} }),
  "session/set_config_option": (id) => send({ id, result: { configOptions: [] } }),
  "session/prompt": prompt,
  "session/cancel": () => {
    if (!setUp.deaf) cancelled();
  },
};

if (setUp.stubborn) process.on("SIGTERM", () => {});
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  appendFileSync("received.jsonl", `${line}\n`);
  const message = JSON.parse(line);
  if (message.method === undefined) {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
    return;
  }
  const handler = handlers[message.method];
  if (handler) void handler(message.id, message.params);
  else send({ id: message.id, error: { code: -32601, message: "Method not found" } });
});
lines.on("close", () => {
  if (!setUp.staysOpen && !setUp.stubborn) process.exit(0);
  setInterval(() => {}, 1000);
});
