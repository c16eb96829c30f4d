/** Sends a session's updates and questions to its client, in order and without keys. */
import { methods } from "@agentclientprotocol/sdk";
import type {
  AgentContext,
  ClientCapabilities,
  PermissionOption,
  RequestPermissionResponse,
  SessionUpdate,
  ToolCallUpdate,
} from "@agentclientprotocol/sdk";
import * as z from "zod";
import { ownMethods } from "./contract/ownMethods.ts";
import type { Redaction } from "../base/redaction.ts";
import { TypedError } from "./contract/runErrors.ts";

const TurnAnswer = z.object({ granted: z.boolean() });

export interface SessionClient {
  update(update: SessionUpdate): void;
  /** Sends a sentence for people, with the same as `facts` under `_meta.offshoot`. */
  notice(severity: "info" | "warning" | "error", title: string, facts?: object): void;
  /** Rejects where the client does not grant another turn of the model, or cannot be asked. */
  beginTurn(signal: AbortSignal): Promise<void>;
  /** Rejects when the signal aborts, and when the client cannot be asked. */
  askPermission(
    toolCall: ToolCallUpdate,
    more: { subject: string | undefined; signal: AbortSignal },
  ): Promise<RequestPermissionResponse>;
}

export const permissionOptions: PermissionOption[] = [
  { optionId: "allow-once", name: "Allow", kind: "allow_once" },
  { optionId: "allow-always", name: "Always allow", kind: "allow_always" },
  { optionId: "reject-once", name: "Deny", kind: "reject_once" },
  { optionId: "reject-always", name: "Always deny", kind: "reject_always" },
];

export function createSessionClient(parts: {
  client: AgentContext;
  sessionId: string;
  capabilities: () => ClientCapabilities | null | undefined;
  redaction: Redaction;
}): SessionClient {
  const { client, sessionId, capabilities, redaction } = parts;

  const update = (wanted: SessionUpdate) => {
    const clean = redaction.redactValue(wanted);
    // This fails only when the client has gone, and then the end of the connection decides.
    client
      .notify(methods.client.session.update, { sessionId, update: clean })
      .catch(() => undefined);
  };

  return {
    update,
    notice(severity, title, facts = {}) {
      if (capabilities()?.session?.notices == null) {
        const note = { level: severity, text: title };
        const _meta = { offshoot: { note, ...facts } };
        return update({ sessionUpdate: "session_info_update", _meta });
      }
      update({ sessionUpdate: "notice", severity, title, _meta: { offshoot: facts } });
    },
    async beginTurn(signal) {
      const options = { cancellationSignal: signal, stopWaitingOnCancel: true };
      const answer = await client.request(ownMethods.beginTurn, { sessionId }, options);
      if (TurnAnswer.parse(answer).granted) return;
      throw new TypedError("budget_exceeded", "the client grants no other turn");
    },
    askPermission(toolCall, { subject, signal }) {
      const params = redaction.redactValue({
        sessionId,
        toolCall,
        options: permissionOptions,
        _meta: { offshoot: { subject } },
      });
      return client.request(methods.client.session.requestPermission, params, {
        cancellationSignal: signal,
        stopWaitingOnCancel: true,
      });
    },
  };
}
