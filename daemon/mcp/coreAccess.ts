/**
 * Connections to the core, each open for one tool call only. A core that dies or is replaced between
 * two calls has no effect; after one that dies during a call, the core is joined once more.
 */
import type { Client } from "../client/coreClient.ts";
import { CommandFailure, unreachableFailure } from "../client/failures.ts";

export class CoreAccess {
  readonly #open: () => Promise<Client>;
  readonly #clients = new Set<Client>();
  readonly #opening = new Set<Promise<Client>>();
  #isClosed = false;

  constructor(open: () => Promise<Client>) {
    this.#open = open;
  }

  /**
   * Uses a connection of its own, which ends when `signal` is aborted. If the connection breaks,
   * `use` is called once more on a new one, so it must do no harm when it runs twice. Rejects with a
   * CommandFailure or a JoinError.
   */
  async use<Result>(
    use: (client: Client) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    try {
      return await this.useOnce(use, signal);
    } catch (error) {
      const isLost = error instanceof CommandFailure && error.kind === "unreachable";
      if (this.#isClosed || signal.aborted || !isLost) throw error;
      return await this.useOnce(use, signal);
    }
  }

  /** The same for what must not run twice: a broken connection is an error. */
  async useOnce<Result>(
    use: (client: Client) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const client = await this.#connect();
    // When the host no longer wants the answer, the wait ends and the run gets its slot again.
    const leave = () => void client.close();
    signal.addEventListener("abort", leave);
    try {
      if (signal.aborted) leave();
      return await use(client);
    } finally {
      signal.removeEventListener("abort", leave);
      this.#clients.delete(client);
      await client.close();
    }
  }

  /** Ends every connection; calls without an answer fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#opening);
    await Promise.all([...this.#clients].map((client) => client.close()));
  }

  async #connect(): Promise<Client> {
    if (this.#isClosed) throw unreachableFailure("the tool server is ending");
    const opening = this.#open();
    this.#opening.add(opening);
    try {
      const client = await opening;
      this.#clients.add(client);
      return client;
    } finally {
      this.#opening.delete(opening);
    }
  }
}
