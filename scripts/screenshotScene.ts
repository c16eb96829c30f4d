/**
 * The scene of `npm run screenshots`: a small project, and sub-agents that work on it. The built-in
 * agent, its tools, the approvals and the files are real. Only the texts of its model are written
 * here, so that the pictures are the same every time.
 */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../protocol/config.ts";
import { plainText, type RequestBody, type Step } from "../test/support/modelServer.ts";
import { framesFor } from "../test/support/modelWire.ts";

/** A task of the agent `coder`, by its prompt: what its model says, turn by turn. */
interface Task {
  title: string;
  prompt: string;
  turns: Step[];
}

const files: Record<string, string> = {
  "pyproject.toml": '[project]\nname = "shop-api"\nrequires-python = ">=3.14"\n',
  "src/server.py": `from app import App
from keys import check_key
from orders import orders
from products import products

app = App()
app.use(check_key)
app.mount("/orders", orders)
app.mount("/products", products)
app.listen(8080)
`,
  "src/keys.py": 'def check_key(request):\n    """Who calls: every request carries a key."""\n',
  "docs/api.md": "# The API\n\nEvery request carries a key.\n",
  "load-test.sh": `n=0
while :; do
  n=$((n + 240)); echo "$n requests, $((n / 40)) refused"; sleep 0.5
done
`,
};

const cost = (input: number, output: number, dollars: number): Pick<Step, "usage"> => ({
  usage: { input, output, cost: dollars },
});

const upgrade: Task = {
  title: "Upgrade to Python 3.14",
  prompt: "Upgrade the project to Python 3.14.",
  turns: [
    {
      calls: [{ name: "read_file", input: { path: "pyproject.toml" } }],
      ...cost(9_400, 120, 0.02),
    },
    {
      text: "It asks for Python 3.14 already; nothing was left to change.",
      ...cost(9_800, 90, 0.02),
    },
  ],
};

const priorArt: Task = {
  title: "Find what there is already",
  prompt: "Find out what the project already has for limits.",
  turns: [
    { calls: [{ name: "grep", input: { pattern: "limit|rate" } }], ...cost(8_100, 80, 0.01) },
    { text: "There is nothing yet, but every request has a key.", ...cost(8_600, 60, 0.01) },
  ],
};

const bucket: Task = {
  title: "Write the token bucket",
  prompt: "Write a token bucket with 100 tokens for each key, filled again within a minute.",
  turns: [
    {
      text: "First I find out what there is already.",
      calls: [{ name: "spawn_agent", input: { ...spawnOf(priorArt), wait: true } }],
      ...cost(12_300, 140, 0.03),
    },
    {
      text: "A bucket for each key, with the time of its last request. ".repeat(40),
      deltas: 400,
      delayMs: 300,
    },
  ],
};

const wire: Task = {
  title: "Wire it into the server",
  prompt: "Put the limiter before the routes of src/server.py, after the key was checked.",
  turns: [
    {
      thought: "Refusing late would cost as much as answering.",
      text: "A refused request should cost nothing, so the limiter has to come **before the routes**. I look at how the server is put together.",
      calls: [{ name: "read_file", input: { path: "src/server.py" } }],
      ...cost(14_200, 210, 0.04),
    },
    {
      text: "The handlers run in their order. After `check_key` the key is known, and no route has run yet: that is the place.",
      calls: [
        {
          name: "edit_file",
          input: {
            path: "src/server.py",
            oldText: "app.use(check_key)\n",
            newText: "app.use(check_key)\napp.use(limit_rate(per_minute=100))\n",
          },
        },
      ],
      ...cost(15_100, 260, 0.05),
    },
    { text: "The limiter is in its place.", ...cost(15_600, 40, 0.04) },
  ],
};

const review: Task = {
  title: "Review the error messages",
  prompt: "Say which words a client reads when it is refused.",
  turns: [
    { calls: [{ name: "read_file", input: { path: "docs/api.md" } }], ...cost(7_700, 70, 0.01) },
    { text: "429, with `Retry-After` in seconds.", ...cost(8_000, 50, 0.01) },
  ],
};

const loadTest = { title: "Test it under load", prompt: "sh load-test.sh", agent: "shell" };

export const lead: Task = {
  title: "Add rate limiting to the API",
  prompt: "Add rate limiting to the API: 100 requests a minute for each key.",
  turns: [
    {
      text: "Four parts of this do not depend on each other, so each gets a sub-agent.",
      calls: [spawnOf(review), spawnOf(bucket), spawnOf(wire), loadTest].map((input) => ({
        name: "spawn_agent",
        input,
      })),
      ...cost(16_900, 480, 0.06),
    },
    ...Array.from({ length: 3 }, () => ({ calls: [{ name: "wait_agent", input: {} }] })),
    { text: "The API has a limit now.", ...cost(18_200, 60, 0.05) },
  ],
};

/** The runs that the scene needs at once: later ones are queued. */
const slots = 3;

/** Spawned before the lead; ended when the pictures are taken. */
export const before = [
  { agent: "coder", ...upgrade },
  {
    agent: "shell",
    title: "Find the flaky test",
    prompt: "echo run 7 of 20; echo 'test_keys.py: no answer after 5 s' >&2; exit 1",
  },
];

/** Spawned below the lead when all slots are taken. */
export const after = { agent: "shell", title: "Update the docs", prompt: "true" };

export const rows = { priorArt, bucket, wire, review, loadTest };

function spawnOf({ title, prompt }: Task) {
  return { title, prompt, agent: "coder" };
}

export interface Scene {
  config: Config;
  close(): Promise<void>;
}

/** Writes the project into a folder, and starts the server that replaces a model. */
export async function startScene(folder: string): Promise<Scene> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.once("end", () => {
      answer(JSON.parse(text) as RequestBody, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return {
    config: {
      concurrency: { total: 10, perRoot: slots },
      providers: { local: { kind: "openai-compatible", baseUrl } },
      agents: [{ name: "coder", model: "local/large", runner: { kind: "model" } }],
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The next turn of a conversation. */
async function answer({ messages = [] }: RequestBody, response: ServerResponse): Promise<void> {
  const asked = messages.findLast(({ role }) => role === "user");
  const prompt = plainText(asked?.content);
  const tasks = [upgrade, lead, bucket, wire, review, priorArt];
  const task = tasks.find((one) => prompt.includes(one.prompt));
  const said = messages.filter(({ role }) => role === "assistant").length;
  const turn = task?.turns[said] ?? { text: "That is all." };
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const { frame, isPiece } of framesFor("chat", turn)) {
    if (response.closed) return;
    if (isPiece) await pause(turn.delayMs ?? 20);
    response.write(frame);
  }
  response.end();
}
