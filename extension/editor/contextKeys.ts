/** Context keys for `when` clauses, told to the editor only when they change. */
import { commands } from "vscode";

export type SetContext = (key: string, value: string | number | boolean) => void;

export function createContexts(): SetContext {
  const known = new Map<string, unknown>();
  return (key, value) => {
    if (known.get(key) === value) return;
    known.set(key, value);
    void commands.executeCommand("setContext", `offshoot.${key}`, value);
  };
}
