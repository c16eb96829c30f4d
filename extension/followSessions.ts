/** Keeps the model of the sessions true: subscribes to the tree whenever a connection is there. */
import type { LogOutputChannel } from "vscode";
import type { DaemonClient } from "./daemonClient.ts";
import type { SessionModel } from "./sessionModel.ts";

interface Parts {
  client: DaemonClient;
  model: SessionModel;
  log: LogOutputChannel;
}

export interface Following {
  /** Resolves when the model holds the truth for the first time. */
  caughtUp(): Promise<void>;
}

export function followSessions({ client, model, log }: Parts): Following {
  const { promise, resolve } = Promise.withResolvers<void>();
  let completionSeq: number | undefined;

  /** Asks for the truth; completions that were missed come again. */
  async function subscribe(): Promise<void> {
    const answer = await client.call("tree/subscribe", {
      events: "lifecycle",
      ...(completionSeq !== undefined && { afterCompletion: completionSeq }),
    });
    completionSeq = answer.completionSeq;
    model.replace(answer.sessions);
    resolve();
  }

  client.onConnected(() => void subscribe().catch((error: unknown) => log.error(String(error))));
  client.on("session/changed", ({ session }) => void model.upsert(session));
  client.on("subAgent/started", ({ session }) => void model.upsert(session));
  client.on("subAgent/heartbeat", ({ childSessionId, timestamp, lastProgressAt, activity }) => {
    const lively = { lastHeartbeatAt: timestamp, lastProgressAt, ...(activity && { activity }) };
    model.overlay(childSessionId, lively);
  });
  client.on("subAgent/completed", ({ completionSeq: seq, stored }) => {
    if (stored) completionSeq = Math.max(completionSeq ?? 0, seq);
  });
  client.on("session/removed", ({ sessionIds }) => model.remove(sessionIds));
  return { caughtUp: () => promise };
}
