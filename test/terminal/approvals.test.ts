import assert from "node:assert/strict";
import { join } from "node:path";
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import { repository } from "../support/repository.ts";
import { waitFor } from "../support/waitFor.ts";
import { terminalSuite } from "./terminalSuite.ts";

describe("offshoot approvals", () => {
  const suite = terminalSuite();
  const { call, json, spawn } = suite;

  /** An agent that asks, and its question when it does. */
  function talkingAgent(): void {
    const program = join(repository, "test", "support", "agents", "json-claude-talk.mjs");
    suite.daemon.configure({
      agents: [
        {
          name: "talk",
          runner: {
            kind: "command",
            command: process.execPath,
            args: [program],
            promptVia: "stdin",
            format: "claude-stream-json",
          },
        },
      ],
    });
  }
  async function approvalOf(id: string): Promise<Approval> {
    const ask = async () => await json<{ approvals: Approval[] }>("approvals");
    return await waitFor(
      async () => (await ask()).approvals.find(({ sessionId }) => sessionId === id),
      "the question",
    );
  }

  it("shows what an agent asks, and answers it", async () => {
    talkingAgent();
    const asked = async (answered: string[]) => {
      const id = await spawn("--agent", "talk", "--title", "the asker", "ask");
      const approval = await approvalOf(id);
      const list = await call("approvals");
      assert.match(list.stdout, new RegExp(`^${approval.id.slice(-8)}  .*\n +.* › the asker\n`));
      assert.match(list.stdout, /rm x/);
      assert.match(
        (await call("tree", id, "--once")).stdout,
        /suspended .* waits for your approval/,
      );
      assert.equal((await call("approvals", ...answered, approval.id.slice(-8))).code, 0);
      assert.equal((await call("wait", id)).code, 0);
      assert.equal((await call("approvals", ...answered, approval.id)).code, 7);
      return (await call("tail", id)).stdout;
    };
    assert.match(await asked(["allow"]), /"behavior":"allow"/);
    const changed = await asked(["allow", "--input", '{"command":"ls"}']);
    assert.match(changed, /"behavior":"allow","updatedInput":\{"command":"ls"\}/);
    const { code, stderr } = await call("approvals", "allow", "--input", "{", "1");
    assert.equal(code, 2);
    assert.match(stderr, /--input is not JSON/);
    assert.match(await asked(["deny", "-m", "not now"]), /"behavior":"deny","message":"not now"/);
  });

  it("shows a command of several lines by its first one", async () => {
    const program = join(repository, "test", "support", "agents", "acp-agent.mjs");
    const runner = { kind: "acp" as const, command: process.execPath, args: [program] };
    suite.daemon.configure({ agents: [{ name: "asker", runner }] });
    const command = "rm -rf everything\n\necho good";
    const toolCall = { toolCallId: "t1", title: command, kind: "execute", rawInput: { command } };
    const options = [{ optionId: "yes", name: "Yes", kind: "allow_once" }];
    const steps = [{ request: "session/request_permission", params: { toolCall, options } }];
    const id = await spawn("--agent", "asker", JSON.stringify(steps));
    const approval = await approvalOf(id);
    const { stdout } = await call("approvals");
    assert.match(stdout, /^\S+ {2}rm -rf everything … \(3 lines\) · [45]m\d\ds left\n/);
    assert.match(stdout, /echo good/);
    await call("approvals", "allow", approval.id);
    assert.equal((await call("wait", id)).code, 0);
  });

  it("rules lists the answers for always, and forget removes one", async () => {
    talkingAgent();
    assert.deepEqual(await json("approvals", "rules"), { rules: [] });
    assert.match((await call("approvals", "rules")).stderr, /There are no stored answers/);
    const id = await spawn("--agent", "talk", "ask");
    const approval = await approvalOf(id);
    assert.equal((await call("approvals", "allow", approval.id, "--tree")).code, 2);
    assert.equal((await call("approvals", "allow", approval.id, "--always")).code, 0);
    assert.equal((await call("wait", id)).code, 0);
    assert.equal((await call("wait", await spawn("--agent", "talk", "ask"))).code, 0);
    const { rules } = await json<{ rules: ApprovalRule[] }>("approvals", "rules", "--cwd", ".");
    const [rule] = rules;
    assert.equal(rules.length, 1);
    const { stdout } = await call("approvals", "rules");
    assert.match(
      stdout,
      /^[0-9a-f]{8} {2}always allow `rm x` in \/.*\n +by offshoot-cli .* used 1×\n$/,
    );
    assert.deepEqual(await json("approvals", "rules", "--cwd", "/"), { rules: [] });
    const forgotten = await call("approvals", "forget", rule?.id.slice(-8) ?? "");
    assert.deepEqual([forgotten.code, forgotten.stdout], [0, `forgotten: ${rule?.title}\n`]);
    assert.equal((await call("approvals", "forget", rule?.id ?? "")).code, 2);
    const again = await spawn("--agent", "talk", "ask");
    await call("approvals", "deny", (await approvalOf(again)).id);
    await call("wait", again);
  });
});
