/** The format `text`: output becomes events, and the end of stdout is the result. */
import { runError } from "../../base/errors.ts";
import { activityLabel, endOfText, labelOf, outputLines } from "../../processes/outputLines.ts";
import type { RunContext } from "../runner.ts";
import { describeExit, exitFacts, kept, type Reading } from "./reading.ts";

/** In bytes of UTF-8: how much of the end of stdout is the result. */
const resultBytes = 16 * 1024;

export function readText(context: Pick<RunContext, "emit" | "setActivity">): Reading {
  const activity = activityLabel((label) => context.setActivity({ kind: "process", label }));
  const result = endOfText(resultBytes);
  const complaint = endOfText(1024);
  const read = (stream: "stdout" | "stderr") =>
    outputLines((text) => {
      context.emit({ type: "output", stream, text });
      (stream === "stdout" ? result : complaint).add(text);
      activity.add(text);
    });

  return {
    stdout: read("stdout"),
    stderr: read("stderr"),
    over: new Promise(() => {}),
    needsAllOutput: false,
    open: () => {},
    interrupt: () => false,
    outcome(exit) {
      if (exit === undefined || exit[0] === 0) {
        return { status: "completed", result: result.text() };
      }
      const how = describeExit(exit);
      const lastWords = labelOf(complaint.text());
      const message = lastWords === "" ? how : `${how}: ${lastWords}`;
      const error = runError("exit_nonzero", message, exitFacts(exit));
      return { status: "error", error, ...kept(result.text()) };
    },
    result: () => result.text(),
    end: () => activity.stop(),
  };
}
