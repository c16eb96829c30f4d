/**
 * Models that a client lends to the built-in agent, such as those of the editor that it runs in:
 * the client offers them, the daemon asks it for completions (the only requests that go this way),
 * and the client sends the parts of an answer as they come.
 */
import * as z from "zod";

const id = z.string().min(1);

export const OfferedModel = z
  .object({
    id: id.describe("what stands behind vscode/ in the name of a model"),
    name: z.string().optional().describe("for people"),
    maxInputTokens: z.number().int().positive().optional(),
  })
  .meta({ id: "OfferedModel", description: "A model that a client can be asked to use." });
export type OfferedModel = z.infer<typeof OfferedModel>;

export const ModelPart = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("text"), text: z.string() }),
    z.object({
      type: z.literal("toolCall"),
      toolUseId: id,
      name: z.string(),
      input: z.unknown(),
    }),
    z.object({ type: z.literal("toolResult"), toolUseId: id, text: z.string() }),
  ])
  .meta({ id: "ModelPart", description: "A part of what a model is told, or says." });
export type ModelPart = z.infer<typeof ModelPart>;

export const ModelMessage = z
  .object({ role: z.enum(["user", "assistant"]), parts: z.array(ModelPart) })
  .meta({ id: "ModelMessage", description: "One message of a conversation with a model." });
export type ModelMessage = z.infer<typeof ModelMessage>;

export const ModelTool = z
  .object({
    name: z.string(),
    description: z.string(),
    inputSchema: z.unknown().describe("JSON Schema of the input"),
  })
  .meta({ id: "ModelTool", description: "A tool that the model may call." });
export type ModelTool = z.infer<typeof ModelTool>;

export const ModelQuestion = z.object({
  requestId: id.describe("the parts of the answer carry it"),
  model: id.describe("the id of an offered model"),
  instructions: z.string(),
  messages: z.array(ModelMessage),
  tools: z.array(ModelTool),
});
export type ModelQuestion = z.infer<typeof ModelQuestion>;

export const ModelAnswer = z.object({
  inputTokens: z.number().int().nonnegative().optional(),
  outputTokens: z.number().int().nonnegative().optional(),
});
export type ModelAnswer = z.infer<typeof ModelAnswer>;

/** Requests, daemon → client. Only a client that has offered models is asked. */
export const clientRequests = {
  "model/complete": {
    params: ModelQuestion,
    result: ModelAnswer,
    doc:
      "Asks the client for one turn of a model that it has offered. It sends `model/part` for " +
      "each part of the answer, then answers. `$/cancelRequest` says that nobody waits any more. " +
      "An error's message is shown to people.",
  },
} as const;

export type ClientRequestMethod = keyof typeof clientRequests;
