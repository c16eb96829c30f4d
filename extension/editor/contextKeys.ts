/** Context keys for `when` clauses. The editor is notified only of those that change. */
import { commands } from "vscode";

/** Returns what sets the context key `offshoot.<key>`. */
export function createContextKeys() {
  const known = new Map<string, unknown>();
  return (key: string, value: string | boolean) => {
    if (known.get(key) === value) return;
    known.set(key, value);
    void commands.executeCommand("setContext", `offshoot.${key}`, value);
  };
}
