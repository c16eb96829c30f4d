/** What the view shows besides its rows: its message, badge, description and welcome text. Pure. */
import { joined, plural } from "../base/text.ts";
import type { ConnectionState } from "../daemon/daemonClient.ts";
import { needingText } from "../sessions/sessionWords.ts";
import { isFiltered, scopes, stateGroups, type TreeOptions } from "./treeOptions.ts";

export interface ViewFacts {
  connection: ConnectionState;
  /** Whether the sessions are up to date with the present connection. */
  isUpToDate: boolean;
  isTrusted: boolean;
  /** Why the daemon is not healthy; undefined where it is. */
  unhealthy: string | undefined;
  options: TreeOptions;
  hasFolders: boolean;
  rowCount: number;
  foundCount: number;
  counts: { inScope: number; outside: number };
  needing: number;
}

export interface ViewState {
  /** The text above the rows, or empty; a view without rows shows a welcome text instead. */
  message: string;
  /** The text beside the view's title. */
  description: string;
  badge: { value: number; tooltip: string } | undefined;
  /** For `when` clauses of welcome texts. */
  welcome: "connecting" | "untrusted" | "gone" | "filtered" | "elsewhere" | "empty" | "none";
}

export function viewState(facts: ViewFacts): ViewState {
  const { options, needing, rowCount, hasFolders } = facts;
  const one = "sub-agent";
  const isEverything = options.scope === "all" || (options.scope === "workspace" && !hasFolders);
  return {
    message: rowCount === 0 ? "" : messageOf(facts),
    description: isEverything ? "" : scopes[options.scope].replace(/:.*/, "").toLowerCase(),
    badge:
      needing === 0
        ? undefined
        : { value: needing, tooltip: needingText(needing, needing === 1 ? one : `${one}s`) },
    welcome: rowCount > 0 ? "none" : welcomeOf(facts),
  };
}

function messageOf(facts: ViewFacts): string {
  const { connection, isTrusted, unhealthy, options, foundCount, counts } = facts;
  if (connection.kind === "lost") return "The connection to the daemon is lost. Trying again…";
  if (connection.kind === "gone") return "The daemon is gone. What is shown here may be old.";
  if (unhealthy !== undefined) return unhealthy;
  if (!isTrusted)
    return "This workspace is not trusted: you can look, but nothing is run from here.";
  if (!isFiltered(options)) return "";
  const states = options.states.map((group) => stateGroups[group].toLowerCase());
  const text = options.text === "" ? "" : `“${options.text}”`;
  const filter = joined([text, states.join(" or ")], ", ");
  return `${foundCount} of ${plural(counts.inScope, "sub-agent")}: ${filter}`;
}

function welcomeOf(facts: ViewFacts): ViewState["welcome"] {
  const { connection, isUpToDate, isTrusted, options, counts } = facts;
  if (connection.kind === "gone") return "gone";
  if (!isTrusted) return "untrusted";
  if (!isUpToDate) return "connecting";
  if (isFiltered(options) && counts.inScope > 0) return "filtered";
  return counts.outside > 0 ? "elsewhere" : "empty";
}
