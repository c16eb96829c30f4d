/** Commands that steer runs: cancel, pause, resume, retry, send a message, wait. */
import { ProgressLocation, QuickInputButtons, ThemeIcon, window } from "vscode";
import type { ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { oneLine, plural } from "../sessions/sessionWords.ts";
import { ableOf, commandAdder, forAll, type CommandParts } from "./commandSet.ts";
import { confirmCancel, openIn, topmost, type Confirmation } from "./confirmations.ts";
import { runAgain } from "./runAgain.ts";

const mostWaited = 1000;
const saidForMs = 6_000;

export function addSteerCommands(parts: CommandParts): void {
  const { client, model, visible } = parts;
  const add = commandAdder(parts);

  async function cancel(sessions: readonly Session[]): Promise<void> {
    const tops = topmost(sessions, model);
    if (!(await isConfirmed(confirmCancel(tops, model)))) return;
    await forAll(tops, ({ id }) => client.call("session/cancel", { sessionId: id }));
  }

  add("cancel", (sessions) => cancel(ableOf(sessions, "cancel", visible)));
  add("cancelAll", async () => {
    const open = shownSessions(parts).filter((session) => openIn([session], model).length > 0);
    if (open.length === 0) throw new Error("nothing runs or waits here");
    await cancel(open);
  });
  add("pause", async (sessions) => {
    const able = ableOf(sessions, "pause", visible);
    await forAll(able, ({ id }) => client.call("session/pause", { sessionId: id, tree: true }));
    // Nothing is to be seen of it until then.
    const isLater = able.some((session) => isLive(session));
    if (isLater) window.setStatusBarMessage("It pauses at its next turn.", saidForMs);
  });
  add("resume", (sessions) =>
    forAll(ableOf(sessions, "resume", visible), ({ id }) =>
      client.call("session/resume", { sessionId: id, tree: true }),
    ),
  );
  add("retry", (sessions) =>
    forAll(ableOf(sessions, "retry", visible), (session) => runAgain(client, session)),
  );
  add("send", async (sessions) => {
    const able = ableOf(sessions, "send", visible);
    const asked = await askForMessage(able);
    if (asked === undefined) return;
    const deliveries = new Set<ResultOf<"session/send">["delivery"]>();
    await forAll(able, async ({ id }) => {
      const { delivery } = await client.call("session/send", { sessionId: id, ...asked });
      deliveries.add(delivery);
    });
    const said = [...deliveries].map((delivery) => deliveryWords[delivery]).join(" ");
    window.setStatusBarMessage(said, saidForMs);
  });
  add("wait", (sessions) => wait(parts, ableOf(sessions, "wait", visible)));
  add("waitAll", (sessions) => {
    const able = sessions.filter((session) => openIn([session], model).length > 0);
    return wait(parts, able.length > 0 ? able : shownSessions(parts));
  });
}

const deliveryWords = {
  injected: "The agent reads it at its next turn.",
  queued: "It is kept for the next run.",
  run: "A new run was started with it.",
} as const;

/** All sub-agents right at the top of what the view's scope holds, filtered or not. */
export function shownSessions({ model, visible }: CommandParts): Session[] {
  return topmost(visible.inScope(), model);
}

/** Asks once; true where nothing has to be asked. */
export async function isConfirmed(confirmation: Confirmation | undefined): Promise<boolean> {
  if (confirmation === undefined) return true;
  const { message, detail, button, dismiss } = confirmation;
  const items = [
    { title: button },
    ...(dismiss === undefined ? [] : [{ title: dismiss, isCloseAffordance: true }]),
  ];
  const answer = await window.showWarningMessage(message, { modal: true, detail }, ...items);
  return answer?.title === button;
}

/** The message, and whether it ends what runs now. */
function askForMessage(
  sessions: readonly Session[],
): Promise<{ text: string; interrupt: boolean } | undefined> {
  const [first] = sessions;
  const to =
    sessions.length === 1 && first
      ? oneLine(first.title, 60)
      : plural(sessions.length, "sub-agent");
  const box = window.createInputBox();
  box.title = `Message to ${to}`;
  box.placeholder = "Enter sends it";
  const interruptButton = {
    iconPath: new ThemeIcon("debug-stop"),
    tooltip: "Interrupt what it does now, and send",
  };
  const isAnyLive = sessions.some(({ status }) => status === "running" || status === "suspended");
  box.buttons = isAnyLive ? [interruptButton] : [];
  return new Promise((resolve) => {
    const done = (interrupt: boolean) => {
      const text = box.value.trim();
      if (text === "") return;
      resolve({ text, interrupt });
      box.hide();
    };
    box.onDidAccept(() => done(false));
    box.onDidTriggerButton((button) => {
      if (button !== QuickInputButtons.Back) done(true);
    });
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    box.show();
  });
}

async function wait({ client, model }: CommandParts, sessions: readonly Session[]): Promise<void> {
  const sessionIds = openIn(sessions, model).map(({ id }) => id);
  if (sessionIds.length === 0) throw new Error("everything here is over");
  const what = plural(sessionIds.length, "sub-agent");
  const location = ProgressLocation.Notification;
  const title = `Waiting for ${what} to end`;
  const ended = await window.withProgress(
    { location, title, cancellable: true },
    async (_, token) => {
      const completions: { status: string }[] = [];
      for (let from = 0; from < sessionIds.length; from += mostWaited) {
        const asked = { sessionIds: sessionIds.slice(from, from + mostWaited) };
        const answer = await client.call("session/wait", asked, token).catch((error: unknown) => {
          if (token.isCancellationRequested) return undefined;
          throw error;
        });
        if (answer === undefined) return undefined;
        completions.push(...answer.completions);
      }
      return completions;
    },
  );
  if (ended === undefined) return;
  const counts = Map.groupBy(ended, ({ status }) => status);
  const words = [...counts].map(([status, those]) => `${those.length} ${status}`);
  void window.showInformationMessage(`${what} ended: ${words.join(", ")}.`);
}
