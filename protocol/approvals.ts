/** What agents ask people, what people answer, and the rules that they make of it. */
import * as z from "zod";
import { PermissionRule } from "./config.ts";

const id = z.string().min(1);

export const ApprovalDecision = z.enum(["allowOnce", "allowAlways", "denyOnce", "denyAlways"]);
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

export const StoredRule = PermissionRule.extend({ decision: z.enum(["allow", "deny"]) }).meta({
  id: "StoredRule",
  description: "What is decided for exactly one path, command or address of a tool.",
});
export type StoredRule = z.infer<typeof StoredRule>;

export const Approval = z
  .object({
    id,
    sessionId: id,
    path: z.array(z.object({ id, title: z.string() })).describe("from the root to the session"),
    runId: id,
    toolName: z.string(),
    kind: z.string(),
    title: z.string(),
    input: z.unknown(),
    options: z.array(ApprovalDecision),
    always: z
      .object({ rule: StoredRule, text: z.string().describe("the same in words for people") })
      .optional()
      .describe("what allowAlways would store; absent where no rule could say just this"),
    requestedAt: z.number(),
    expiresAt: z.number().optional(),
  })
  .meta({ id: "Approval", description: "A question of an agent that a person has to answer." });
export type Approval = z.infer<typeof Approval>;

export const ApprovalScope = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("cwd"), cwd: z.string().describe("sessions in this folder") }),
    z.object({ kind: z.literal("tree"), rootId: id.describe("sessions below this root") }),
  ])
  .meta({ id: "ApprovalScope", description: "Where a stored rule holds." });
export type ApprovalScope = z.infer<typeof ApprovalScope>;

export const ApprovalRule = z
  .object({
    id,
    rule: StoredRule,
    scope: ApprovalScope,
    title: z.string().describe("the rule in words for people"),
    createdAt: z.number(),
    createdBy: z.string().describe("name of the client that answered"),
    approvalId: id.optional().describe("the approval that was answered so"),
    usedAt: z.number().optional(),
    uses: z.number().int().nonnegative().describe("questions that it has answered"),
  })
  .meta({
    id: "ApprovalRule",
    description:
      "An answer that was given for always. It answers only where a person would be asked: it " +
      "never allows what permissions deny, and of several rules one that denies wins.",
  });
export type ApprovalRule = z.infer<typeof ApprovalRule>;
