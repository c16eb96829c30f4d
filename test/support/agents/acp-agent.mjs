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
const cancels = new Map();
let lastId = 0;
let sessions = 0;

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const send = (message) => write({ jsonrpc: "2.0", ...message });
const update = (fields, session = sessionId) =>
  send({ method: "session/update", params: { sessionId: session, update: fields } });
const request = (method, params) =>
  new Promise((tell) => {
    lastId += 1;
    waiting.set(lastId, tell);
    send({ id: lastId, method, params });
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
  const session = step.session ?? turn.sessionId ?? sessionId;
  const say = (text) =>
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } }, session);
  if (step.update) update(filled(step.update), session);
  if (step.say !== undefined) say(step.say);
  if (step.many) {
    const text = "x".repeat(step.size ?? 10);
    for (let n = 0; n < step.many; n += 1) say(text);
  }
  if (step.raw !== undefined) process.stdout.write(step.raw);
  if (step.stderr !== undefined) {
    await new Promise((done) => process.stderr.write(step.stderr, done));
  }
  if (step.request) {
    const asking = async () => {
      const params = { sessionId: session, ...filled(step.params ?? {}) };
      answers.last = await request(step.request, params);
      answers[step.as ?? "last"] = answers.last;
      if (step.until && !JSON.stringify(answers.last).includes(step.until)) await asking();
    };
    const answer = asking();
    if (!step.withoutWaiting) await answer;
  }
  if (step.notify) send({ method: step.notify, params: { sessionId: session, ...step.params } });
  if (step.sayAnswer) {
    const { result, error } = answers[step.sayAnswer];
    say(JSON.stringify(result ?? error));
  }
  if (step.start) {
    const [command, ...args] = step.start;
    const child = spawn(command, args, { stdio: "ignore", detached: step.detached === true });
    say(`started ${child.pid}`);
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
  const cancelled = new Promise((tell) => {
    cancels.set(params.sessionId, () => tell("cancelled"));
  });
  const turn = { sessionId: params.sessionId, cancelled };
  let answer = { result: { stopReason: "end_turn" } };
  const work = (async () => {
    for (const step of steps) {
      if (step.answer) answer = { result: step.answer };
      else if (step.error) answer = { error: step.error };
      else if (step.afterwards) break;
      else await take(step, turn);
    }
  })();
  const end = await Promise.race([work, turn.cancelled]);
  if (end === "cancelled") answer = { result: { stopReason: "cancelled" } };
  if (end === "cancelled" && setUp.afterCancel) {
    for (const step of setUp.afterCancel) await take(step, turn);
  }
  send({ id, ...answer });
  for (const step of steps.find((one) => one.afterwards)?.afterwards ?? []) await take(step, turn);
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
  "session/new": (id) => {
    sessions += 1;
    const own = setUp.manySessions ? `session-${sessions}` : sessionId;
    return open(id, setUp.newSession ?? { result: { sessionId: own } });
  },
  "session/load": async (id) => {
    for (const step of setUp.replay ?? []) await take(step, {});
    await open(id, setUp.loadSession ?? { result: {} });
  },
  "session/resume": (id) => open(id, setUp.loadSession ?? { result: {} }),
  "session/set_mode": (id) => send({ id, result: {} }),
  "session/set_model": (id) => send({ id, result: {} }),
  "session/set_config_option": (id) => send({ id, result: { configOptions: [] } }),
  "session/prompt": prompt,
  "session/cancel": (_, params) => {
    if (!setUp.deaf) cancels.get(params.sessionId)?.();
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
