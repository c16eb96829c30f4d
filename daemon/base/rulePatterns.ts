/** Matches the patterns of permission rules. Pure. */
import picomatch from "picomatch";
import type { ToolKind } from "@agentclientprotocol/sdk";
import type { Permissions } from "../../protocol/config.ts";

type Decision = NonNullable<Permissions["rules"]>[number]["decision"];

/** Whatever joins commands or nests one in another: allowing the first does not allow the next. */
const joinsCommands = /[;&|`\n<>]|\$\(/;

/**
 * Whether a rule with this pattern and decision holds for a path, command or address. A path's `*`
 * stays within one folder; a command's matches anything.
 */
export function matches(
  { subject, kind }: { subject?: string | undefined; kind: ToolKind },
  pattern: string,
  decision: Decision,
): boolean {
  if (subject === undefined) return false;
  if (subject === pattern || exactPattern(subject) === pattern) return true;
  if (kind === "execute" && decision === "allow" && joinsCommands.test(subject)) return false;
  return picomatch.isMatch(subject, pattern, { dot: true, bash: kind === "execute" });
}

/** The pattern that stands for this subject and nothing else. */
export function exactPattern(subject: string): string {
  return subject.replaceAll(/[\\*?[\]{}()!+@|^$~]/gu, String.raw`\$&`);
}
