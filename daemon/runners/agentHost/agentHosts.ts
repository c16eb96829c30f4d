/**
 * The processes of the built-in agent: the core starts one when a run needs it, shares it between
 * runs, and replaces it when it dies or stops answering. The end of a host ends its runs, which
 * their supervision restarts in the next host; it never ends the core.
 */
import { createRedaction } from "../../base/redaction.ts";
import { keyNamesOf, noModelIsChosen } from "../../agent/contract/providers.ts";
import type { Config } from "../../../protocol/config.ts";
import type { RunError, Session } from "../../../protocol/session.ts";
import type { AcpHosts, HostLease } from "../acp/acp.ts";
import type { AcpConnection } from "../acp/connection.ts";
import { toAgent } from "../acp/names.ts";
import { untilAborted, withTimeout } from "../../base/until.ts";
import { startHost, type HostParts, type HostProcess } from "./hostProcess.ts";
import { sessionMetaOf } from "./sessionMeta.ts";
import type { ModelTurns } from "../modelTurns.ts";
import type { InheritedConfig } from "../../sessions/records.ts";
import { withEditorModels } from "./editorTurns.ts";
import type { RunContext } from "../runner.ts";
import { runError } from "../../base/errors.ts";

export interface AgentHosts extends AcpHosts {
  /** Ends all hosts and prevents new ones. */
  stop(): Promise<void>;
}

export interface AgentHostsParts extends Omit<HostParts, "redact"> {
  /** The providers of the user's current configuration. */
  providers: () => Config["providers"];
  /** The model where nothing else names one. */
  defaultModel: () => string | undefined;
  /** The configuration that the session inherited from its spawn. */
  setup: (sessionId: string) => InheritedConfig | undefined;
  /** Keys that clients gave, by provider. */
  apiKeys: () => Readonly<Record<string, string>>;
  /** The models of connected editors. */
  editorModels: ModelTurns;
  /** The model of the nearest session above that works with the built-in agent. */
  inheritedModel: (session: Session) => string | undefined;
  /** What was said in a session before its present run, oldest first. */
  history: (sessionId: string) => Promise<{ role: "user" | "assistant"; text: string }[]>;
  timing?: HostTiming;
}

export interface HostTiming {
  /** How often a host is checked: whether it answers, and whether a run needs it. */
  lookEveryMs: number;
  /** A host is replaced when a ping stays unanswered for this many checks. */
  mostUnanswered: number;
  /** A host is ended when no run needed it for this many checks. */
  mostIdle: number;
}

/** 20 seconds without an answer; a minute without a run. */
const usualTiming: HostTiming = { lookEveryMs: 5_000, mostUnanswered: 4, mostIdle: 12 };
/** Ending the commands that a session left takes up to 3 s. */
const closeTakesMs = 5_000;
/** Any answer counts, also that the agent does not know the method. */
const ping = "_offshoot/ping";
const closeSession = "session/close";
const closedItsOutput = "closed its output and was ended";

export function createAgentHosts(parts: AgentHostsParts): AgentHosts {
  const { environment, log } = parts;
  const hosts = new Set<SharedHost>();
  let current: Promise<SharedHost | RunError> | undefined;
  const stopping = new AbortController();

  const redact = (text: string) => {
    const redaction = createRedaction(environment);
    for (const name of keyNamesOf(parts.providers())) redaction.addKeyName(name);
    for (const key of Object.values(parts.apiKeys())) redaction.addKey(key);
    return redaction.redact(text);
  };

  function begin(): Promise<SharedHost | RunError> {
    const forget = () => {
      if (current === mine) current = undefined;
    };
    const start = async () => {
      const host = await startHost({ ...parts, redact }, stopping.signal);
      if ("code" in host) {
        // The next run tries again.
        forget();
        return host;
      }
      log.info({ pid: host.pid }, "an agent host has started");
      const shared = shareHost(host, parts.timing ?? usualTiming, forget);
      hosts.add(shared);
      void host.exited.then(([exitCode, signal]) => {
        shared.retire();
        hosts.delete(shared);
        log.info({ pid: host.pid, exitCode, signal }, "an agent host has ended");
      });
      return shared;
    };
    const mine: Promise<SharedHost | RunError> = start();
    return mine;
  }

  async function acquire(context: RunContext): Promise<HostLease | RunError> {
    if (stopping.signal.aborted) return runError("aborted", "The core is stopping.");
    const model = modelOf(context, parts);
    if (!model) return runError("invalid_request", noModelIsChosen);
    const host = await untilAborted((current ??= begin()), context.signal);
    if (host === undefined)
      return runError("aborted", "The run ended before its agent had started.");
    if ("code" in host) return host;
    // The host ended at the same moment.
    if (!host.acquire()) return await acquire(context);
    return lease(host, context, { ...parts, model });
  }

  return {
    acquire,
    async stop() {
      stopping.abort();
      await current?.catch(() => undefined);
      await Promise.all([...hosts].map(({ process }) => process.leave()));
    },
  };
}

type SharedHost = ReturnType<typeof shareHost>;

function shareHost(process: HostProcess, timing: HostTiming, forget: () => void) {
  let users = 0;
  let idle = 0;
  let unanswered = 0;
  let asked: Promise<unknown> | undefined;
  let isRetired = false;

  const ask = () => {
    asked ??= process.connection
      .request(ping, {})
      .catch(() => undefined)
      .then(() => (asked = undefined));
    return asked;
  };
  const look = setInterval(() => {
    idle = users === 0 ? idle + 1 : 0;
    unanswered = asked === undefined ? 0 : unanswered + 1;
    if (idle >= timing.mostIdle) {
      retire();
      void process.leave();
    } else if (unanswered >= timing.mostUnanswered) {
      void replace("did not answer any more and was ended");
    } else if (users > 0) void ask();
  }, timing.lookEveryMs);

  /** Gives the host to no other run. */
  const retire = () => {
    isRetired = true;
    clearInterval(look);
    forget();
  };

  /** Retires the host and ends it, for this reason. */
  const replace = (why: string) => {
    retire();
    return process.kill(why);
  };

  return {
    process,
    /** Counts one more run; false when the host takes no more. */
    acquire(): boolean {
      if (process.connection.isClosed()) void replace(closedItsOutput);
      if (isRetired) return false;
      users += 1;
      return true;
    },
    release: () => void (users -= 1),
    /** Whether the host answers within the time. */
    async answers(ms: number): Promise<boolean> {
      const answered = ask().then(() => true);
      return (await withTimeout(answered, ms)) ?? false;
    },
    retire,
    replace,
  };
}

/** The lease of one run: the host's connection, in which the run's session is closed at the end. */
function lease(
  host: SharedHost,
  context: RunContext,
  parts: AgentHostsParts & { model: string },
): HostLease {
  const { process } = host;
  const { connection } = process;
  let sessionId: string | undefined;
  /** The session may open before this settles, and by then the agent starts servers. */
  let opening: Promise<unknown> | undefined;
  let isReleased = false;
  const { model } = parts;
  const { session } = context;
  if (model !== session.model) context.describe({ model });
  const sessionMeta = sessionMetaOf(context, {
    model,
    providers: parts.setup(session.id)?.providers ?? parts.providers(),
    apiKeys: parts.apiKeys(),
    stateDir: parts.stateDir,
    hostMark: process.mark,
  });

  /** Closes the session, if it was opened; resolves when all that it started has ended. */
  const close = async (): Promise<"closed"> => {
    // The run may have ended while the session was being opened.
    await opening;
    if (sessionId !== undefined) {
      await connection.request(closeSession, { sessionId }).catch((err: unknown) => {
        parts.log.debug({ err, sessionId }, "a session could not be closed");
      });
    }
    return "closed";
  };

  const open: AcpConnection["request"] = async (method, params, onResult) => {
    if (isReleased) throw new Error("the run has ended");
    if (method !== toAgent.newSession) return await connection.request(method, params, onResult);
    // The agent does not know what was said before in a session that it opens anew.
    const history = await parts.history(session.id);
    const more = { _meta: { offshoot: { ...sessionMeta, history } } };
    return await connection.request(method, { ...params, ...more }, onResult);
  };

  return {
    connection: {
      ...connection,
      request(method, params, onResult) {
        const opens = method === toAgent.newSession || method === toAgent.loadSession;
        if (!opens) return connection.request(method, params, onResult);
        const asked = open(method, params, onResult);
        const settled = () => void (opening = undefined);
        opening = asked.then(settled, settled);
        return asked;
      },
      attach(id, side) {
        sessionId = id;
        const { notify } = connection;
        const models = parts.editorModels;
        return connection.attach(id, withEditorModels(side, { sessionId: id, notify, models }));
      },
    },
    sessionMeta: { ...sessionMeta },
    crash: () => process.crash(),
    async release(how) {
      isReleased = true;
      host.release();
      // The process may still run, but its connection is closed.
      if (how === "gone") return host.replace(closedItsOutput);
      const { killAfterMs } = context.grace;
      const isOpening = opening !== undefined;
      const closing = close();
      if (how === "ended" && (await withTimeout(closing, closeTakesMs))) return;
      // What the session starts while it is being opened must not outlive the run.
      const opened = isOpening ? withTimeout(closing, killAfterMs) : undefined;
      // A slow session does not mean that the host is stuck, which serves other runs.
      const [isWell] = await Promise.all([host.answers(killAfterMs), opened]);
      if (isWell) return;
      await host.replace("did not answer when a run was to end, and was ended");
    },
  };
}

/** Empty or undefined where nothing names one. */
function modelOf({ profile, session }: RunContext, parts: AgentHostsParts): string | undefined {
  return (
    profile.model ??
    parts.inheritedModel(session) ??
    parts.setup(session.id)?.defaultModel ??
    parts.defaultModel() ??
    parts.environment["OFFSHOOT_MODEL"]
  );
}
