/** Commands that change or await runs: cancel, pause, resume, run again, send a message, wait. */
import { CancellationError, ProgressLocation, ThemeIcon, window } from "vscode";
import type { ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { oneLine, plural } from "../base/text.ts";
import { showInputBox } from "../editor/inputBox.ts";
import { ableOf, commandAdder, forAll, isConfirmed, type CommandServices } from "./commandSet.ts";
import { confirmCancel, openIn, topmost } from "./confirmations.ts";
import { runAgain } from "./runAgain.ts";

const mostWaited = 1000;
const shownForMs = 6_000;

export function addSteerCommands(services: CommandServices): void {
  const { client, model } = services;
  const { visible } = services.view;
  const add = commandAdder(services);

  async function cancel(sessions: readonly Session[]): Promise<void> {
    const tops = topmost(sessions, model);
    if (!(await isConfirmed(confirmCancel(tops, model)))) return;
    await forAll(tops, ({ id }) => client.call("session/cancel", { sessionId: id }));
  }

  add("cancel", (sessions) => cancel(ableOf(sessions, "cancel", visible)));
  add("cancelAll", async () => {
    const open = topmostInScope(services).filter((one) => openIn([one], model).length > 0);
    if (open.length === 0) throw new Error("nothing runs or waits here");
    await cancel(open);
  });
  add("pause", async (sessions) => {
    const able = ableOf(sessions, "pause", visible);
    await forAll(able, ({ id }) => client.call("session/pause", { sessionId: id, tree: true }));
    // Until that turn the rows do not change.
    const isLater = able.some((session) => isLive(session));
    if (isLater) window.setStatusBarMessage("It pauses at its next turn.", shownForMs);
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
    const texts = [...deliveries].map((delivery) => deliveryTexts[delivery]);
    window.setStatusBarMessage(texts.join(" "), shownForMs);
  });
  add("wait", (sessions) => wait(services, ableOf(sessions, "wait", visible)));
  add("waitAll", (sessions) => {
    const able = sessions.filter((session) => openIn([session], model).length > 0);
    return wait(services, able.length > 0 ? able : topmostInScope(services));
  });
}

const deliveryTexts = {
  injected: "The agent reads it at its next turn.",
  queued: "It is kept for the next run.",
  run: "A new run was started with it.",
} as const;

/** The topmost sub-agents in the scope of the view, filtered or not. */
function topmostInScope({ model, view }: CommandServices): Session[] {
  return topmost(view.visible.inScope(), model);
}

/** Resolves with the message, and whether it interrupts what the sub-agents do now. */
function askForMessage(
  sessions: readonly Session[],
): Promise<{ text: string; interrupt: boolean } | undefined> {
  const [first] = sessions;
  const to =
    sessions.length === 1 && first
      ? oneLine(first.title, 60)
      : plural(sessions.length, "sub-agent");
  const interruptButton = {
    iconPath: new ThemeIcon("debug-stop"),
    tooltip: "Interrupt what it does now, and send",
  };
  const isAnyLive = sessions.some((session) => isLive(session));
  return showInputBox((box, close) => {
    const send = (interrupt: boolean) => {
      const text = box.value.trim();
      if (text !== "") close({ text, interrupt });
    };
    box.title = `Message to ${to}`;
    box.placeholder = "Enter sends it";
    box.buttons = isAnyLive ? [interruptButton] : [];
    box.onDidAccept(() => send(false));
    box.onDidTriggerButton(() => send(true));
  });
}

async function wait(
  { client, model }: CommandServices,
  sessions: readonly Session[],
): Promise<void> {
  const sessionIds = openIn(sessions, model).map(({ id }) => id);
  if (sessionIds.length === 0) throw new Error("everything here is over");
  const what = plural(sessionIds.length, "sub-agent");
  const location = ProgressLocation.Notification;
  const title = `Waiting for ${what} to end`;
  const options = { location, title, cancellable: true };
  const ended = await window.withProgress(options, async (_, token) => {
    const completions: { status: string }[] = [];
    for (let from = 0; from < sessionIds.length; from += mostWaited) {
      const asked = { sessionIds: sessionIds.slice(from, from + mostWaited) };
      const answer = await client.call("session/wait", asked, token).catch((error: unknown) => {
        throw token.isCancellationRequested ? new CancellationError() : error;
      });
      completions.push(...answer.completions);
    }
    return completions;
  });
  const counts = Map.groupBy(ended, ({ status }) => status);
  const words = [...counts].map(([status, those]) => `${those.length} ${status}`);
  void window.showInformationMessage(`${what} ended: ${words.join(", ")}.`);
}
