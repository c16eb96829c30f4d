/** `approvals`: lists and answers the approvals that wait for a person; lists stored answers. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { exitCodes, usageFailure } from "../client/failures.ts";
import { withCore, type Bind, type CommonOptions, type Invocation } from "./invocation.ts";
import type { Output } from "./output.ts";
import { present } from "../client/present.ts";
import { cleanLine, cleanText, formatDuration, shortId } from "../client/values.ts";

interface AnswerOptions extends CommonOptions {
  readonly always?: boolean;
  readonly tree?: boolean;
  readonly message?: string;
  readonly input?: string;
}

export function addApprovalCommands(program: Command, bind: Bind): void {
  const approvals = program
    .command("approvals")
    .description(
      "list the approvals that wait for a person; answer them; list and forget stored answers",
    )
    .action(
      bind((invocation) =>
        withCore(invocation, async (client) => {
          const { output, terminal } = invocation;
          const answer = await client.call("approval/list", {});
          output.value(answer);
          if (answer.approvals.length === 0) output.note("Nothing waits for you.");
          for (const approval of answer.approvals) printApproval(output, approval, terminal.now());
          return exitCodes.ok;
        }),
      ),
    );
  for (const verb of ["allow", "deny"] as const) {
    const command = approvals
      .command(verb)
      .argument("<id>", "the approval, or the end of its id")
      .description(`${verb} what the agent asks for`)
      .option("--always", "also for every later request for exactly this in the session's folder")
      .option("--tree", "with --always: in the session's tree instead of its folder")
      .option("-m, --message <text>", "the reason, which the agent reads")
      .action(
        bind((invocation, [named]: [string], options: AnswerOptions) =>
          respond(invocation, named, answerFrom(verb, options)),
        ),
      );
    if (verb === "allow") {
      command.option("--input <json>", "the input to use instead of the agent's, in the same form");
    }
  }
  approvals
    .command("rules")
    .description("list the stored answers")
    .option("--cwd <folder>", "only those for this folder")
    .action(
      bind((invocation, _arguments: [], { cwd }: CommonOptions & { cwd?: string }) =>
        listRules(invocation, cwd),
      ),
    );
  approvals
    .command("forget")
    .argument("<id>", "the rule, or the end of its id")
    .description("remove a stored answer, so that a person is asked again")
    .action(bind((invocation, [named]: [string]) => forget(invocation, named)));
}

function printApproval(output: Output, approval: Approval, now: number): void {
  const { paint } = output;
  const path = approval.path.map((step) => cleanLine(step.title)).join(" › ");
  const left =
    approval.expiresAt === undefined ? "" : ` · ${formatDuration(approval.expiresAt - now)} left`;
  output.line(`${paint("bold", shortId(approval.id))}  ${headOf(approval)}${paint("dim", left)}`);
  output.line(paint("dim", `          ${path}`));
  const input =
    typeof approval.input === "string" ? approval.input : JSON.stringify(approval.input);
  for (const line of cleanText(input ?? "")
    .split("\n")
    .slice(0, 8))
    output.line(`          ${line}`);
}

/** The first line of a command, because an agent's title may be any of its lines; else the title. */
function headOf({ kind, input, title }: Approval): string {
  const { command } = (input ?? {}) as { command?: unknown };
  if (kind !== "execute" || typeof command !== "string") return cleanLine(title);
  const lines = cleanText(command).trim().split("\n");
  const first = cleanLine(lines[0] ?? "");
  return lines.length === 1 ? first : `${first} … (${lines.length} lines)`;
}

type Answer = Omit<ParamsOf<"approval/respond">, "approvalId">;

function answerFrom(verb: "allow" | "deny", options: AnswerOptions): Answer {
  const { always, tree, message, input } = options;
  if (tree === true && always !== true) throw usageFailure("--tree needs --always");
  return {
    decision: always === true ? `${verb}Always` : `${verb}Once`,
    ...(tree === true && { scope: "tree" }),
    ...present({ message }),
    ...(input !== undefined && { input: parsedInput(input) }),
  };
}

function parsedInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageFailure(`--input is not JSON: ${String(error)}`);
  }
}

async function respond(invocation: Invocation, named: string, answer: Answer): Promise<number> {
  return await withCore(invocation, async (client) => {
    const { approvals } = await client.call("approval/list", {});
    // If the approval is not in the list, the core says whether it is unknown or was answered.
    const approvalId = findByEnd(approvals, named, "approvals")?.id ?? named;
    await client.call("approval/respond", { approvalId, ...answer });
    invocation.output.value({ approvalId, ...answer });
    invocation.output.line(`${answer.decision}: ${shortId(approvalId)}`);
    return exitCodes.ok;
  });
}

async function listRules(invocation: Invocation, folder: string | undefined): Promise<number> {
  const { output, terminal } = invocation;
  return await withCore(invocation, async (client) => {
    const cwd = folder === undefined ? {} : { cwd: resolve(terminal.cwd, folder) };
    const answer = await client.call("approval/rules", cwd);
    output.value(answer);
    if (answer.rules.length === 0) output.note("There are no stored answers.");
    for (const rule of answer.rules) printRule(output, rule, terminal.now());
    return exitCodes.ok;
  });
}

function printRule(output: Output, rule: ApprovalRule, now: number): void {
  const { paint } = output;
  const age = formatDuration(now - rule.createdAt);
  const uses = rule.uses === 0 ? "not used yet" : `used ${rule.uses}×`;
  output.line(`${paint("bold", shortId(rule.id))}  ${cleanLine(rule.title)}`);
  const facts = `by ${cleanLine(rule.createdBy)} ${age} ago · ${uses}`;
  output.line(paint("dim", `          ${facts}`));
}

async function forget(invocation: Invocation, named: string): Promise<number> {
  return await withCore(invocation, async (client) => {
    const { rules } = await client.call("approval/rules", {});
    const found = findByEnd(rules, named, "rules");
    const ruleId = found?.id ?? named;
    await client.call("approval/removeRule", { ruleId });
    invocation.output.value({ ruleId });
    invocation.output.line(`forgotten: ${cleanLine(found?.title ?? ruleId)}`);
    return exitCodes.ok;
  });
}

/** The one with this id, else the only one whose id ends with it. Several are an error. */
function findByEnd<Named extends { id: string }>(
  all: readonly Named[],
  named: string,
  what: string,
): Named | undefined {
  const found = all.filter(({ id }) => id.endsWith(named));
  const exact = found.find(({ id }) => id === named);
  if (exact === undefined && found.length > 1) {
    const ids = found.map(({ id }) => id).join(", ");
    throw usageFailure(`several ${what} end in "${cleanLine(named)}": ${ids}`);
  }
  return exact ?? found[0];
}
