/** A test's client in the shape that the extension's own has, as far as its parts use it. */
import type { DaemonClient } from "../../extension/daemon/daemonClient.ts";
import type { TestClient } from "../support/daemon.ts";

type Calls = Pick<DaemonClient, "call" | "on" | "onConnected">;

/** `connect()` says that a connection is there, as the extension's client does. */
export function daemonCalls({ connection, call }: TestClient): Calls & { connect(): void } {
  const connected = new Set<() => void>();
  return {
    call,
    on(method, handler) {
      const listening = connection.onNotification(method as string, handler);
      return listening;
    },
    onConnected(handler) {
      connected.add(handler);
      return { dispose: () => void connected.delete(handler) };
    },
    connect() {
      for (const handler of connected) handler();
    },
  };
}
