/**
 * A connection to the core for as long as one tool call needs it. A core that died or was replaced
 * in between costs nothing; one that dies under a call is joined again, once.
 */
import type { Client } from "../client/coreClient.ts";
import { CommandFailure, unreachableFailure } from "../client/failures.ts";

export interface CoreAccess {
  /**
   * Uses a connection of its own, which ends when `signal` is aborted. Where it breaks, `use` is
   * called once more on a new one: it must do no harm when it is done twice. Rejects with a
   * CommandFailure or a JoinError.
   */
  use<Result>(use: (client: Client) => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** The same for what must not happen twice: a broken connection is told, not tried again. */
  useOnce<Result>(use: (client: Client) => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** Ends every connection; what still waits fails. */
  close(): Promise<void>;
}

export function createCoreAccess(open: () => Promise<Client>): CoreAccess {
  const clients = new Set<Client>();
  const opening = new Set<Promise<Client>>();
  let isClosed = false;

  async function connected(): Promise<Client> {
    if (isClosed) throw unreachableFailure("the tool server is ending");
    const client = open();
    opening.add(client);
    try {
      clients.add(await client);
      return await client;
    } finally {
      opening.delete(client);
    }
  }

  async function useOnce<Result>(
    use: (client: Client) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const client = await connected();
    // A host that no longer wants an answer ends the wait, so that the run has its slot again.
    const leave = () => void client.close();
    signal.addEventListener("abort", leave);
    try {
      if (signal.aborted) leave();
      return await use(client);
    } finally {
      signal.removeEventListener("abort", leave);
      clients.delete(client);
      await client.close();
    }
  }

  return {
    useOnce,
    async use(use, signal) {
      try {
        return await useOnce(use, signal);
      } catch (error) {
        if (isClosed || signal.aborted || !isLost(error)) throw error;
        return await useOnce(use, signal);
      }
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(opening);
      await Promise.all([...clients].map((client) => client.close()));
    },
  };
}

function isLost(error: unknown): boolean {
  return error instanceof CommandFailure && error.kind === "unreachable";
}
