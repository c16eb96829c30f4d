/** Context keys for `when` clauses. The editor is notified only of those that change. */
import { commands } from "vscode";

export type SetContext = (key: string, value: string | number | boolean) => void;

export function createContextKeys(): SetContext {
  const known = new Map<string, unknown>();
  return (key, value) => {
    if (known.get(key) === value) return;
    known.set(key, value);
    void commands.executeCommand("setContext", `offshoot.${key}`, value);
  };
}
