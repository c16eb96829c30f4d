/** How commands are registered, and what is shown when one fails. */
import { CancellationError, commands, window, type Disposable } from "vscode";
import { errorKind, messageOf } from "../base/errors.ts";
import { withoutLinks } from "../base/text.ts";
import type { Services } from "./services.ts";

type Failing = Pick<Services, "client" | "log">;

/** Registers `offshoot.view.<name>`. */
export function registerCommand<Given extends unknown[]>(
  services: Failing,
  name: string,
  action: (...given: Given) => Promise<void>,
): Disposable {
  return commands.registerCommand(`offshoot.view.${name}`, async (...given: Given) => {
    try {
      await action(...given);
    } catch (error) {
      showFailure(services, name, error);
    }
  });
}

/** Logs and shows why something failed; nothing, where a person has cancelled it. */
export function showFailure({ client, log }: Failing, what: string, error: unknown): void {
  if (error instanceof CancellationError) return;
  const message = messageOf(error);
  log.error(`${what}: ${message}`);
  // A daemon that is gone is shown once, by activate.ts.
  if (client.state.kind === "gone") return;
  const trust = "Manage Workspace Trust";
  const buttons = errorKind(error) === "notTrusted" ? [trust] : [];
  void window.showErrorMessage(withoutLinks(`Offshoot: ${message}`), ...buttons).then((pressed) => {
    if (pressed === trust) void commands.executeCommand("workbench.trust.manage");
  });
}
