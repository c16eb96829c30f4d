/** Agents' files of each vendor, as their documentation shows them, read from real folders. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AgentProfile } from "../../protocol/config.ts";
import {
  createAgentFileReader,
  fileFaultText,
  type AgentFilesRequest,
} from "../../daemon/profiles/files/agentFiles.ts";
import { mostFilesInFolder } from "../../daemon/profiles/files/places.ts";
import { checkLeaks } from "../support/leaks.ts";
import { testFolder } from "../support/testFolder.ts";

const claudeReviewer = `---
name: code-reviewer
description: Expert code review specialist. Use proactively: after every change # always
tools: Read, Grep, Glob, Bash(git diff:*)
model: sonnet
permissionMode: acceptEdits
maxTurns: 12
color: purple
mcpServers:
  - github
  - playwright:
      type: stdio
      command: npx
      args: ["-y", "@playwright/mcp@latest"]
      env: { HEADLESS: true, TOKEN: "\${TOKEN}" }
---

You are a senior code reviewer.

Run git diff first.
`;

const copilotPlanner = `---
name: 'Implementation Planner'
description: 'Creates implementation plans'
tools: ['read', 'search/codebase', 'edit', 'custom-mcp/tool-1']
model: ['GPT-5 (copilot)', 'gpt-5']
mcp-servers:
  custom-mcp:
    type: 'local'
    command: 'some-command'
    tools: ["*"]
    env:
      KEY: \${{ secrets.COPILOT_MCP_KEY }}
---
You plan.
`;

const codexExplorer = `name = "pr_explorer"
description = "Read-only codebase explorer."
model = "gpt-5.4"
model_reasoning_effort = "medium"
sandbox_mode = "read-only"
developer_instructions = """
Stay in exploration mode.
"""
nickname_candidates = ["Atlas"]

[mcp_servers.docs]
url = "https://example.com/mcp"
startup_timeout_sec = 20
`;

const geminiAuditor = `---
name: security-auditor
description: Specialized in finding security vulnerabilities in code.
kind: local
tools:
  - read_file
  - grep_search
  - mcp_docs_*
model: gemini-3-flash-preview
temperature: 0.2
max_turns: 10
timeout_mins: 2.5
---

You are a ruthless Security Auditor.
`;

const opencodeReview = `---
description: Code review without edits
mode: subagent
model: anthropic/claude-sonnet-4-20250514
temperature: 0.1
steps: 5
tools:
  webfetch: false
permission:
  edit: deny
  bash:
    "*": ask
    "git log*": allow
---

Only analyze code and suggest changes.
`;

const ownBuilder = `---
description: Builds
model: openai/gpt-5
tools: read_file, run_command
limits: { maxTurns: 3, maxCostUsd: 0.5 }
permissions:
  mode: plan
---
You build.
`;

describe("agents' files", () => {
  checkLeaks();
  let root: string;
  let request: AgentFilesRequest;
  const { read } = createAgentFileReader();
  beforeEach(() => {
    root = mkdtempSync(join(testFolder, "a-"));
    const folder = join(root, "work", "packages", "one");
    for (const made of [folder, join(root, "home"), join(root, "work", ".git")]) {
      mkdirSync(made, { recursive: true });
    }
    request = { folder, home: join(root, "home"), trusted: true };
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(path: string, text: string): string {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  function only(more: Partial<AgentFilesRequest> = {}): AgentProfile {
    const { profiles, faults } = read({ ...request, ...more });
    deepEqual(faults, []);
    equal(profiles.length, 1);
    ok(profiles[0]);
    return profiles[0].profile;
  }

  const playwright = {
    command: "npx",
    args: ["-y", "@playwright/mcp@latest"],
    env: { HEADLESS: "true", TOKEN: "${TOKEN}" },
  };
  const reviewer = {
    name: "code-reviewer",
    description: "Expert code review specialist. Use proactively: after every change # always",
    prompt: "You are a senior code reviewer.\n\nRun git diff first.",
    limits: { maxTurns: 12 },
    permissions: {
      mode: "acceptEdits",
      rules: [
        { tool: "edit", decision: "deny" },
        { tool: "delete", decision: "deny" },
        { tool: "move", decision: "deny" },
        { tool: "fetch", decision: "deny" },
        { tool: "execute", decision: "deny" },
        { tool: "execute", pattern: "git diff*", decision: "ask" },
      ],
    },
  };

  it("reads Claude Code's for the built-in agent", () => {
    write("work/.claude/agents/reviewer.md", claudeReviewer);
    deepEqual(only(), {
      ...reviewer,
      runner: {
        kind: "model",
        tools: ["read_file", "list_dir", "grep", "glob", "run_command"],
        mcpServers: { playwright },
      },
    });
  });

  it("runs them on the vendor's own agent where that is installed", () => {
    write("work/.claude/agents/reviewer.md", claudeReviewer);
    const claude = { kind: "acp", command: "claude-agent-acp" } as const;
    deepEqual(only({ vendorAgent: (vendor) => (vendor === "claude" ? claude : undefined) }), {
      ...reviewer,
      model: "sonnet",
      runner: { ...claude, mcpServers: { playwright } },
    });
  });

  it("keeps to what Claude Code's forbids", () => {
    const head = "name: a\ndisallowedTools: [Write, Edit, 'Bash(rm *)']\npermissionMode: dontAsk";
    write("home/.claude/agents/a.md", `---\n${head}\n---\nGo.`);
    const rules = only().permissions?.rules ?? [];
    for (const tool of ["edit", "execute", "fetch", "other", "write_file", "Write"]) {
      ok(
        rules.some((rule) => rule.tool === tool && rule.decision === "deny"),
        tool,
      );
    }
    deepEqual(rules.at(-1), { tool: "execute", pattern: "rm *", decision: "deny" });
  });

  it("reads Copilot's, by the name of the file", () => {
    write("work/.github/agents/planner.agent.md", copilotPlanner);
    deepEqual(only(), {
      name: "planner",
      description: "Creates implementation plans",
      prompt: "You plan.",
      permissions: {
        rules: [
          { tool: "fetch", decision: "deny" },
          { tool: "execute", decision: "deny" },
        ],
      },
      runner: {
        kind: "model",
        tools: [
          "read_file",
          "list_dir",
          "glob",
          "grep",
          "edit_file",
          "write_file",
          "mcp__custom-mcp__tool-1",
        ],
        mcpServers: {
          "custom-mcp": {
            command: "some-command",
            env: { KEY: "${{ secrets.COPILOT_MCP_KEY }}" },
          },
        },
      },
    });
  });

  it("reads Codex's", () => {
    write("home/.codex/agents/explorer.toml", codexExplorer);
    deepEqual(only(), {
      name: "pr_explorer",
      description: "Read-only codebase explorer.",
      prompt: "Stay in exploration mode.",
      model: "openai/gpt-5.4",
      permissions: { mode: "plan" },
      runner: { kind: "model", mcpServers: { docs: { url: "https://example.com/mcp" } } },
    });
  });

  it("reads Gemini CLI's", () => {
    write("work/.gemini/agents/security-auditor.md", geminiAuditor);
    const { prompt, model, limits, runner } = only();
    equal(prompt, "You are a ruthless Security Auditor.");
    equal(model, "google/gemini-3-flash-preview");
    deepEqual(limits, { maxTurns: 10, timeoutMs: 150_000 });
    deepEqual(runner, {
      kind: "model",
      tools: ["read_file", "list_dir", "grep", "mcp__docs__*"],
    });
  });

  for (const place of [
    "work/.opencode/agents",
    "work/.opencode/agent",
    "home/.config/opencode/agent",
  ]) {
    it(`reads opencode's from ${place}`, () => {
      write(`${place}/review.md`, opencodeReview);
      deepEqual(only(), {
        name: "review",
        description: "Code review without edits",
        prompt: "Only analyze code and suggest changes.",
        model: "anthropic/claude-sonnet-4-20250514",
        limits: { maxTurns: 5 },
        permissions: {
          rules: [
            { tool: "fetch", decision: "deny" },
            { tool: "fetch_url", decision: "deny" },
            { tool: "webfetch", decision: "deny" },
            { tool: "edit", decision: "deny" },
            { tool: "delete", decision: "deny" },
            { tool: "move", decision: "deny" },
            { tool: "execute", decision: "ask" },
            { tool: "execute", pattern: "git log*", decision: "allow" },
          ],
        },
        runner: { kind: "model" },
      });
    });
  }

  it("reads Offshoot's own, with the fields of a profile", () => {
    write("work/.offshoot/agents/builder.md", ownBuilder);
    deepEqual(only(), {
      name: "builder",
      description: "Builds",
      prompt: "You build.",
      model: "openai/gpt-5",
      limits: { maxTurns: 3, maxCostUsd: 0.5 },
      permissions: { mode: "plan" },
      runner: { kind: "model", tools: ["read_file", "run_command"] },
    });
  });

  it("takes all tools, and none, as such", () => {
    write("home/.claude/agents/all.md", "---\ntools: '*'\n---\nGo.");
    write("home/.claude/agents/none.md", "---\ntools: []\n---\nGo.");
    const runners = read(request).profiles.map(({ profile }) => profile.runner);
    deepEqual(runners, [{ kind: "model" }, { kind: "model", tools: [] }]);
  });

  it("lets the nearest of a name win, and Offshoot's own within a folder", () => {
    const agent = (text: string) => `---\nname: same\n---\n${text}`;
    write("home/.offshoot/agents/same.md", agent("home"));
    deepEqual(only().prompt, "home");
    write("work/.gemini/agents/same.md", agent("top, gemini"));
    write("work/.claude/agents/same.md", agent("top, claude"));
    deepEqual(only().prompt, "top, claude");
    write("work/.offshoot/agents/same.md", agent("top, own"));
    deepEqual(only().prompt, "top, own");
    const nearest = write(
      "work/packages/one/.codex/agents/x.toml",
      'name = "same"\ndeveloper_instructions = "near"',
    );
    deepEqual(
      read(request).profiles.map(({ source, from, profile }) => [source, from, profile.prompt]),
      [[nearest, "workspace", "near"]],
    );
    const top = join(root, "work", "packages");
    rmSync(nearest);
    deepEqual(only({ top }).prompt, "home", "nothing above the top counts");
  });

  it("switches off an agent that is disabled nearer by", () => {
    write("home/.config/opencode/agent/review.md", opencodeReview);
    write("work/.opencode/agents/review.md", "---\ndisable: true\n---\nOff.");
    deepEqual(read(request).profiles, []);
  });

  it("counts nothing of a workspace that is not trusted, and all of the home folder", () => {
    write("work/.claude/agents/a.md", claudeReviewer);
    write("work/.agents/skills/s/SKILL.md", "---\ndescription: Does\n---\n");
    write("work/AGENTS.md", "Obey.");
    write("home/.codex/agents/b.toml", codexExplorer);
    const found = read({ ...request, trusted: false });
    deepEqual(
      found.profiles.map(({ profile, from }) => [profile.name, from]),
      [["pr_explorer", "home"]],
    );
    deepEqual([found.skills, found.instructions, found.faults], [[], undefined, []]);
  });

  const faulty: [what: string, path: string, text: string, says: RegExp][] = [
    [
      "no front matter",
      ".claude/agents/x.md",
      "Hello",
      /x\.md: line 1: there is no front matter.*---/,
    ],
    ["an endless front matter", ".claude/agents/x.md", "---\nname: x\n", /line 1: .*has no end/],
    [
      "broken YAML",
      ".claude/agents/x.md",
      "---\nname: x\ntools: [Read\n---\nGo.",
      /line [34]: .*not YAML.*quotes/,
    ],
    [
      "a wrong number",
      ".claude/agents/x.md",
      "---\nname: x\nmaxTurns: many\n---\nGo.",
      /line 3: maxTurns: must be a whole number/,
    ],
    [
      "wrong tools",
      ".gemini/agents/x.md",
      "---\nname: x\ntools:\n  a: b\n---\nGo.",
      /line 4: tools: must be a list of names/,
    ],
    [
      "a server without a command",
      ".claude/agents/x.md",
      "---\nmcpServers:\n  one:\n    type: stdio\n---\nGo.",
      /line [34]: mcpServers.*"command" or a "url"/,
    ],
    ["no prompt", ".github/agents/x.agent.md", "---\ndescription: x\n---\n", /no prompt: write/],
    [
      "broken TOML",
      ".codex/agents/x.toml",
      'name = "x"\ndescription = oops\n',
      /line 2: it is not TOML/,
    ],
    [
      "no instructions",
      ".codex/agents/x.toml",
      'name = "x"\n',
      /line 1: developer_instructions: is needed/,
    ],
    [
      "a wrong sandbox",
      ".codex/agents/x.toml",
      'developer_instructions = "x"\nsandbox_mode = "open"',
      /line 2: sandbox_mode: .*read-only/,
    ],
    [
      "a remote agent",
      ".gemini/agents/x.md",
      "---\nname: x\nkind: remote\n---\n",
      /line 3: .*remote/,
    ],
    [
      "an unknown field",
      ".offshoot/agents/x.md",
      "---\ndescription: d\nmodle: x\n---\nGo.",
      /line 3: .*modle/,
    ],
    [
      "a skill without a description",
      ".agents/skills/x/SKILL.md",
      "---\nname: x\n---\n",
      /line 1: description/,
    ],
    ["far too much", ".claude/agents/x.md", "x".repeat(300_000), /300000 bytes/],
  ];
  for (const [what, path, text, says] of faulty) {
    it(`reports ${what} with file, line and remedy, and loads the rest`, () => {
      write(`work/${path}`, text);
      write("work/.opencode/agents/review.md", opencodeReview);
      const { profiles, faults } = read(request);
      equal(faults.length, 1, JSON.stringify(faults));
      ok(faults[0]);
      match(fileFaultText(faults[0]), says);
      match(faults[0].source, /\/x|\/SKILL/);
      deepEqual(
        profiles.map(({ profile }) => profile.name),
        ["review"],
      );
    });
  }

  it("finds skills and the nearest instructions", () => {
    const near = write(
      "work/packages/one/.claude/skills/pdf/SKILL.md",
      "---\ndescription: Near\n---\n",
    );
    write("work/.agents/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Far\n---\n");
    const home = write(
      "home/.agents/skills/x/SKILL.md",
      "---\nname: csv\ndescription: Tables\n---\n",
    );
    write("home/.agents/skills/notes.txt", "no skill");
    write("work/AGENTS.md", "Top.\n");
    deepEqual(read(request).instructions, { text: "Top.", file: join(root, "work/AGENTS.md") });
    const file = write("work/packages/one/AGENTS.md", "Near.\n");
    const { skills, instructions } = read(request);
    deepEqual(skills, [
      { name: "pdf", description: "Near", file: near },
      { name: "csv", description: "Tables", file: home },
    ]);
    deepEqual(instructions, { text: "Near.", file });
  });

  it("reads a file again when it has changed, and forgets one that is gone", () => {
    const file = write("home/.gemini/agents/a.md", "---\nname: a\n---\nOne.");
    equal(only().prompt, "One.");
    writeFileSync(file, "---\nname: a\n---\nTwo.");
    utimesSync(file, 1, 1);
    equal(only().prompt, "Two.");
    rmSync(file);
    deepEqual(read(request).profiles, []);
  });

  it("lets others have their turn while it reads many files for the first time", async () => {
    for (let n = 0; n < mostFilesInFolder; n += 1) {
      write(`home/.claude/agents/a${n}.md`, `---\nname: a${n}\n---\nGo.`);
    }
    write("home/.claude/agents/z.md", "---\nname: z\n---\nGo.");
    const { read: readMany, warm } = createAgentFileReader();
    let turns = 0;
    const count = () => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    await warm(request);
    clearImmediate(next);
    ok(turns > 1, `${turns} turns`);
    equal(warm(request), undefined);
    const { profiles, faults } = readMany(request);
    equal(profiles.length, mostFilesInFolder);
    deepEqual(faults.map(fileFaultText), [
      `${join(root, "home/.claude/agents")}: has ${mostFilesInFolder + 1} files; those after the ` +
        `first ${mostFilesInFolder} are left out. Correct it; the other files are used.`,
    ]);
  });

  it("is no trouble where the folders are not what they should be", () => {
    write("work/.claude", "a file");
    mkdirSync(join(root, "work/.gemini/agents/x.md"), { recursive: true });
    write("work/.claude-agents", "");
    deepEqual(read(request), { profiles: [], skills: [], faults: [] });
  });
});
