/** One handler per request, total over the method table. What they do stands in the parts. */
import { OffshootError } from "../protocol/errors.ts";
import type { DaemonStatus, ResultOf } from "../protocol/messages.ts";
import type { Agents } from "./agents.ts";
import type { Completions } from "./completions.ts";
import { blobPartLength } from "./boundEvent.ts";
import type { Client } from "./hub.ts";
import { InvalidParams } from "./invalidParams.ts";
import type { Retention } from "./retention.ts";
import type { Scheduler } from "./scheduler.ts";
import { call, commandMethods, type CoreHandlers } from "./server.ts";
import type { SessionTree } from "./sessions.ts";
import type { Spawning } from "./spawn.ts";
import type { Store } from "./store/sessionStore.ts";

interface Parts {
  tree: SessionTree;
  store: Store;
  scheduler: Scheduler;
  completions: Completions;
  spawning: Spawning;
  agents: Agents;
  retention: Retention;
  status: () => Promise<DaemonStatus>;
  stop: (runs: "interrupt" | "cancel") => void;
}

const pageSize = 100;
/** Parts of a blob in one answer: 256 Ki characters. */
const blobPartsPerAnswer = 4;

export function createHandlers(parts: Parts): CoreHandlers {
  const { tree, store, scheduler, completions, spawning, agents, retention } = parts;

  const handlers: CoreHandlers = {
    "session/create": async (params, { client }) => {
      refuseUntrusted(client);
      return { session: await spawning.createRoot(params) };
    },
    "session/spawn": async (params, { client }) => {
      refuseUntrusted(client);
      const parentId = params.parentId ?? client.options.run?.sessionId;
      return {
        session: await spawning.spawn({ ...params, ...(parentId && { parentId }) }, client),
      };
    },
    "session/run": async ({ sessionId }, { client }) => {
      refuseUntrusted(client);
      spawning.refreshProfile(sessionId, client);
      return { session: await scheduler.run(sessionId) };
    },
    "session/send": async (params, { client }) => {
      refuseUntrusted(client);
      return { delivery: await scheduler.send(params) };
    },
    "session/cancel": ({ sessionId, reason }, { client }) => {
      scheduler.cancel(sessionId, reason, client.options.run?.sessionId);
      return {};
    },
    "session/pause": async (params) => {
      await scheduler.pause(params);
      return {};
    },
    "session/resume": async (params, { client }) => {
      refuseUntrusted(client);
      await scheduler.resume(params);
      return {};
    },
    "session/get": ({ sessionId }) => ({ session: tree.show(sessionId) }),
    "session/list": (params) => tree.list(params),
    "session/messages": async ({ sessionId, cursor, limit = pageSize }) => {
      tree.get(sessionId);
      const messages = await store.messages(sessionId, cursorNumber(cursor), limit);
      const last = messages.at(-1)?.n ?? 0;
      const isMore = messages.length === limit && last < tree.get(sessionId).session.messageCount;
      return { messages, ...(isMore && { nextCursor: String(last) }) };
    },
    "session/events": async ({ sessionId, after = 0, limit = pageSize }) => {
      tree.get(sessionId);
      const lastSeq = tree.lastSeq(sessionId);
      const events = await store.events(sessionId, after, limit);
      return { events: events.filter(({ seq }) => seq <= lastSeq), lastSeq };
    },
    "session/blob": async ({ sessionId, blobId, offset = 0 }) => {
      tree.get(sessionId);
      return await readBlob(store, sessionId, blobId, offset);
    },
    "session/wait": (params, { client, signal }) =>
      scheduler.wait(params, client.options.run, signal),
    "session/delete": async ({ sessionId }) => {
      const sessionIds = [...tree.descendantsOf(sessionId), tree.get(sessionId).session.id];
      return { deleted: await retention.remove(sessionIds) };
    },

    "tree/subscribe": ({ rootIds, events = "lifecycle", afterCompletion }, { client }) => {
      for (const rootId of rootIds ?? []) tree.get(rootId);
      const wanted = rootIds === undefined ? undefined : new Set(rootIds);
      client.tree = { rootIds: wanted, events };
      if (afterCompletion !== undefined) {
        client.outbound.replayCompletions(afterCompletion, completions.told);
      }
      return { sessions: tree.showAll(wanted), completionSeq: completions.told };
    },
    "tree/unsubscribe": (_params, { client }) => {
      client.tree = undefined;
      return {};
    },
    "session/subscribe": ({ sessionId, after = 0 }, { client }) => {
      tree.get(sessionId);
      const lastSeq = tree.lastSeq(sessionId);
      client.sessions.add(sessionId);
      client.outbound.replayEvents(sessionId, after + 1, lastSeq);
      return { lastSeq };
    },
    "session/unsubscribe": ({ sessionId }, { client }) => {
      client.sessions.delete(sessionId);
      return {};
    },

    "approval/list": async ({ rootId }) => {
      const approvals = await store.approvals();
      const isWanted = (sessionId: string) =>
        rootId === undefined || tree.find(sessionId)?.session.rootId === rootId;
      return { approvals: approvals.filter(({ sessionId }) => isWanted(sessionId)) };
    },
    "approval/respond": ({ approvalId }) => {
      throw new OffshootError("approvalNotFound", `there is no approval ${approvalId}`, {
        approvalId,
      });
    },
    "agent/list": ({ cwd }, { client }) => ({
      agents: agents.list(agents.scopeFor(client, cwd ?? client.folders[0])),
    }),
    "daemon/status": () => parts.status(),
    "daemon/prune": (params) => retention.prune(params),
    "daemon/stop": ({ runs = "interrupt" }) => {
      parts.stop(runs);
      return {};
    },
    "workspace/executeCommand": async ({ command, arguments: [first] = [] }, context) => {
      const method = Object.entries(commandMethods).find(([name]) => name === command)?.[1];
      if (method === undefined) {
        const known = Object.keys(commandMethods).join(", ");
        throw new InvalidParams([{ path: "command", message: `is unknown; there are: ${known}` }]);
      }
      // A bare string is what an editor without a plug-in can ask a person for.
      const subject = method === "session/spawn" ? "prompt" : "sessionId";
      const params = typeof first === "string" ? { [subject]: first } : first;
      return await call(handlers, method, params, context);
    },
  };
  return handlers;
}

/** A client whose workspace is not trusted can look, cancel and delete, but runs nothing. */
function refuseUntrusted({ options }: Client): void {
  if (options.workspaceTrusted !== false) return;
  const message = "the workspace is not trusted, so nothing is run for it; trust it first";
  throw new OffshootError("notTrusted", message, {});
}

function cursorNumber(cursor: string | undefined): number {
  const number = Number(cursor ?? 0);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new InvalidParams([{ path: "cursor", message: "is not one that this request gave out" }]);
}

async function readBlob(
  store: Store,
  sessionId: string,
  blobId: string,
  offset: number,
): Promise<ResultOf<"session/blob">> {
  const first = Math.floor(offset / blobPartLength);
  let text = "";
  for (let part = first; part < first + blobPartsPerAnswer; part += 1) {
    const found = await store.blobPart(sessionId, blobId, part);
    if (found === undefined) {
      if (part > 0) return { text: text.slice(offset % blobPartLength) };
      throw new InvalidParams([{ path: "blobId", message: `${blobId} is not kept` }]);
    }
    text += found;
  }
  const nextOffset = (first + blobPartsPerAnswer) * blobPartLength;
  return { text: text.slice(offset % blobPartLength), nextOffset };
}
