/** One handler per request, total over the method table. The work is done by the parts. */
import type { DaemonStatus } from "../../protocol/daemon.ts";
import type { ApiKeys } from "./apiKeys.ts";
import type { Approvals } from "../permissions/approvals.ts";
import type { StandingRules } from "../permissions/standingRules.ts";
import type { Catalogue } from "../profiles/catalogue.ts";
import type { Attempts } from "../runs/attempt.ts";
import type { Engine } from "../runs/engine.ts";
import type { SessionEnvironments } from "../runs/environments.ts";
import type { Retention } from "../runs/retention.ts";
import type { Spawning } from "../runs/spawn.ts";
import type { EditorModels } from "./editorModels.ts";
import { refuseOutside, refuseToRun, refuseUntrusted, refuseWhoCannotAnswer } from "./authorize.ts";
import { subscribeSession, subscribeTree } from "./hub.ts";
import { absolutePath, InvalidParams } from "../base/invalidParams.ts";
import { readBlob, readPage, snapshotOf } from "./pages.ts";
import { enqueueRun, sendMessage } from "../runs/messages.ts";
import { pauseSession, resumeSession } from "../runs/pause.ts";
import { waitForRuns } from "../runs/runWaits.ts";
import { call, commands, type CoreHandlers } from "./call.ts";
import { listSessions, sessionsOf } from "../sessions/queries.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";

interface Parts {
  engine: Engine;
  attempts: Attempts;
  spawning: Spawning;
  agents: Catalogue;
  environments: SessionEnvironments;
  approvals: Approvals;
  approvalRules: StandingRules;
  retention: Retention;
  apiKeys: ApiKeys;
  editorModels: EditorModels;
  status: () => Promise<DaemonStatus>;
  stop: (runs: "interrupt" | "cancel") => void;
}

const pageSize = 100;

export function createHandlers(parts: Parts): CoreHandlers {
  const { apiKeys, editorModels } = parts;
  const { engine, spawning, agents, retention, approvals, approvalRules } = parts;
  const { tree, store, cancels, completions, clock } = engine;
  const canPause = (record: StoredSession) => parts.attempts.canPause(record);

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
      refuseToRun({ tree, agents }, client, sessionId);
      const record = tree.getChild(sessionId);
      return { session: await enqueueRun(parts, record, { caller: client }) };
    },
    "session/send": async (params, { client }) => {
      refuseToRun({ tree, agents }, client, params.sessionId);
      return { delivery: await sendMessage(parts, params, client) };
    },
    "session/cancel": async ({ sessionId, reason }, { client }) => {
      refuseOutside(engine, client, sessionId);
      await cancels.cancel(sessionId, reason, client.options.run?.sessionId);
      return {};
    },
    "session/pause": async (params, { client }) => {
      refuseOutside(engine, client, params.sessionId);
      await pauseSession({ engine, canPause }, params);
      return {};
    },
    "session/resume": async (params, { client }) => {
      refuseToRun({ tree, agents }, client, params.sessionId);
      await resumeSession(engine, params);
      return {};
    },
    "session/rename": async ({ sessionId, title }, { client }) => {
      refuseOutside(engine, client, sessionId);
      const record = tree.get(sessionId);
      const move = { type: "update", fields: { title } } as const;
      const session = transition(record.session, move, clock.now());
      const named: StoredSession = { ...record, session, titleGiven: true };
      await tree.commitOrRefuse([{ records: [named] }]);
      return { session: tree.show(sessionId) };
    },
    "session/get": ({ sessionId }) => ({ session: tree.show(sessionId) }),
    "session/list": ({ cursor, cwd, ...filter }) => {
      // The id of a session, which may have been removed meanwhile.
      if (cursor !== undefined && !/^[\da-f-]{36}$/.test(cursor)) throw notOurCursor();
      const folder = cwd === undefined ? undefined : absolutePath(cwd, "cwd");
      return listSessions(tree, {
        ...filter,
        ...(cursor && { cursor }),
        ...(folder && { cwd: folder }),
      });
    },
    "session/messages": async ({ sessionId, cursor, limit = pageSize }) => {
      tree.get(sessionId);
      const messages = await readPage(
        (after, count) => store.messages(sessionId, after, count),
        ({ n }) => n,
        cursorNumber(cursor),
        limit,
      );
      const last = messages.at(-1)?.n ?? Number.POSITIVE_INFINITY;
      const isMore = last < tree.get(sessionId).session.messageCount;
      return { messages, ...(isMore && { nextCursor: String(last) }) };
    },
    "session/events": async ({ sessionId, after = 0, limit = pageSize }) => {
      tree.get(sessionId);
      const lastSeq = tree.storedSeq(sessionId);
      const events = await readPage(
        (from, count) => store.events(sessionId, from, count),
        ({ seq }) => seq,
        after,
        limit,
      );
      return { events: events.filter(({ seq }) => seq <= lastSeq), lastSeq };
    },
    "session/blob": async ({ sessionId, blobId, offset = 0 }) => {
      tree.get(sessionId);
      return await readBlob(store, sessionId, blobId, offset);
    },
    "session/wait": async (params, { client, signal }) => {
      const result = await waitForRuns(engine, params, client.options.run, signal);
      signal.throwIfAborted();
      // A client that is subscribed gets the completions before the answer that rests on them.
      await client.outbound.caughtUp();
      return result;
    },
    "session/delete": async ({ sessionId }, { client }) => {
      refuseOutside(engine, client, sessionId);
      const sessionIds = [...tree.descendantsOf(sessionId), tree.get(sessionId).session.id];
      return { deleted: await retention.remove(sessionIds) };
    },

    "tree/subscribe": ({ rootIds, events = "lifecycle", afterCompletion }, { client }) => {
      const wanted = rootIds && new Set(rootIds.map((id, place) => checkedRoot(tree, id, place)));
      const subscription = subscribeTree(client, { rootIds: wanted, events });
      if (afterCompletion !== undefined) {
        client.outbound.replayCompletions(afterCompletion, completions.sent, subscription);
      }
      return { ...snapshotOf(sessionsOf(tree, wanted)), completionSeq: completions.stored };
    },
    "tree/unsubscribe": (_params, { client }) => {
      client.tree = undefined;
      return {};
    },
    "session/subscribe": ({ sessionId, after = 0 }, { client }) => {
      const subscription = subscribeSession(client, tree.get(sessionId).session, after);
      client.outbound.replayEvents(sessionId, after + 1, tree.lastSeq(sessionId), subscription);
      return { lastSeq: tree.storedSeq(sessionId) };
    },
    "session/unsubscribe": ({ sessionId }, { client }) => {
      client.sessions.delete(sessionId);
      return {};
    },

    "approval/list": ({ rootId }) => ({ approvals: approvals.list(rootId) }),
    "approval/respond": async (params, { client }) => {
      refuseWhoCannotAnswer(client);
      await approvals.respond(params, client.name);
      return {};
    },
    "approval/rules": ({ cwd, rootId }) => {
      const folder = cwd === undefined ? undefined : absolutePath(cwd, "cwd");
      return { rules: approvalRules.list({ cwd: folder, rootId }) };
    },
    "approval/removeRule": async ({ ruleId }, { client }) => {
      refuseWhoCannotAnswer(client);
      await approvalRules.remove(ruleId);
      return {};
    },
    "agent/list": async ({ cwd }, { client }) => {
      const folder = cwd === undefined ? client.folders[0] : absolutePath(cwd, "cwd");
      await agents.warm(client, folder);
      const scope = agents.scopeFor(client, folder);
      const { faults } = scope;
      return { agents: agents.list(scope), ...(faults.length > 0 && { faults }) };
    },
    "daemon/setApiKeys": ({ apiKeys: given }, { client }) => {
      refuseUntrusted(client);
      apiKeys.set(given);
      return {};
    },
    "model/offer": ({ models }, { client }) => {
      refuseUntrusted(client);
      editorModels.offer(client, models);
      return {};
    },
    "daemon/status": () => parts.status(),
    "daemon/prune": (params, { client }) => {
      refuseOutside(engine, client);
      return retention.prune(params);
    },
    "daemon/stop": ({ runs = "interrupt" }, { client }) => {
      refuseOutside(engine, client);
      parts.stop(runs);
      return {};
    },
    "workspace/executeCommand": async ({ command, arguments: given = [] }, context) => {
      const found = Object.entries(commands).find(([name]) => name === command)?.[1];
      if (found === undefined) {
        const known = Object.keys(commands).join(", ");
        throw new InvalidParams([{ path: "command", message: `is unknown; there are: ${known}` }]);
      }
      return await call(handlers, found.method, paramsOfCommand(given, found.texts), context);
    },
  };
  return handlers;
}

/** The id of a root. Throws -32602 for a child, which names no tree. */
function checkedRoot(tree: SessionTree, id: string, place: number): string {
  if (tree.get(id).session.kind === "root") return id;
  throw new InvalidParams([{ path: `rootIds[${place}]`, message: `${id} is not a root` }]);
}

/** An editor without a plug-in can only ask a person for texts: they stand for named params. */
function paramsOfCommand(given: readonly unknown[], texts: readonly string[]): unknown {
  const [first] = given;
  if (typeof first !== "string") return first;
  return Object.fromEntries(texts.map((name, place) => [name, given[place]]));
}

function cursorNumber(cursor: string | undefined): number {
  const number = Number(cursor ?? 0);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw notOurCursor();
}

function notOurCursor(): InvalidParams {
  return new InvalidParams([{ path: "cursor", message: "is not one that this request gave out" }]);
}
