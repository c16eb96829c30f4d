/** `approvals`: the questions of agents that wait for a person, and the answers. */
import type { Command } from "commander";
import type { Approval, ParamsOf } from "../../protocol/messages.ts";
import { exitCodes, usageFailure } from "./exitCodes.ts";
import { withCore, type Bind, type CommonOptions, type Invocation } from "./invocation.ts";
import type { Output } from "./output.ts";
import { cleanLine, cleanText, formatDuration, shortId } from "./values.ts";

export function addApprovalCommands(program: Command, bind: Bind): void {
  const approvals = program
    .command("approvals")
    .description("list what waits for a person; allow or deny it")
    .action(
      bind((invocation) =>
        withCore(invocation, async (client) => {
          const { output, terminal } = invocation;
          const answer = await client.call("approval/list", {});
          output.value(answer);
          if (answer.approvals.length === 0) output.note("Nothing waits for you.");
          for (const approval of answer.approvals) tellApproval(output, approval, terminal.now());
          return exitCodes.ok;
        }),
      ),
    );
  for (const verb of ["allow", "deny"] as const) {
    approvals
      .command(verb)
      .argument("<id>", "the approval, or the end of its id")
      .description(`${verb} it`)
      .option("--always", "and everything like it in this session")
      .action(
        bind((invocation, [named]: [string], options: CommonOptions & { always?: boolean }) =>
          respond(invocation, named, options.always === true ? `${verb}Always` : `${verb}Once`),
        ),
      );
  }
}

function tellApproval(output: Output, approval: Approval, now: number): void {
  const { paint } = output;
  const path = approval.path.map((step) => cleanLine(step.title)).join(" › ");
  const left =
    approval.expiresAt === undefined ? "" : ` · ${formatDuration(approval.expiresAt - now)} left`;
  output.line(
    `${paint("bold", shortId(approval.id))}  ${cleanLine(approval.title)}${paint("dim", left)}`,
  );
  output.line(paint("dim", `          ${path}`));
  const input =
    typeof approval.input === "string" ? approval.input : JSON.stringify(approval.input);
  for (const line of cleanText(input ?? "")
    .split("\n")
    .slice(0, 8))
    output.line(`          ${line}`);
}

async function respond(
  invocation: Invocation,
  named: string,
  decision: ParamsOf<"approval/respond">["decision"],
): Promise<number> {
  return await withCore(invocation, async (client) => {
    const { approvals } = await client.call("approval/list", {});
    const found = approvals.filter((approval) => approval.id.endsWith(named));
    if (found.length > 1) {
      const ids = found.map((approval) => approval.id).join(", ");
      throw usageFailure(`several approvals end in "${cleanLine(named)}": ${ids}`);
    }
    // An unknown one may have been answered before: the core knows the difference.
    await client.call("approval/respond", { approvalId: found[0]?.id ?? named, decision });
    invocation.output.value({ approvalId: found[0]?.id ?? named, decision });
    invocation.output.line(`${decision}: ${shortId(found[0]?.id ?? named)}`);
    return exitCodes.ok;
  });
}
