// Plays the lines of a program that prints JSON, in the way that its first argument says.
import { writeSync } from "node:fs";

export function print(line) {
  const bytes = Buffer.from(typeof line === "string" ? `${line}\n` : `${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

const garbage = ["plain words €", '{"type": "broken', "42", '"a text"', "[1]", "null", "{}", ""];

/** `begin`, `body`, `nested`, `failure` and `result` are lists of lines. */
export function play({ begin, body, nested = body, failure, result }) {
  const [scene] = process.argv.slice(2);
  const all = [...begin, ...body, ...result];
  const say = (lines) => lines.forEach(print);
  const scenes = {
    happy: () => say(all),
    nested: () => say([...begin, ...nested, ...result]),
    failure: () => {
      say([...begin, ...body, ...failure]);
      process.exitCode = 1;
    },
    noResult: () => say([...begin, ...body]),
    garbage: () => say(all.flatMap((line) => [...garbage, line])),
    odd: () => say([...begin, ...body.flatMap(oddShapes), ...body, ...result]),
    huge: () =>
      say([...begin, { type: "huge", text: "x".repeat(9 * 1024 * 1024) }, ...body, ...result]),
    unknown: () => {
      say(begin);
      for (let n = 0; n < 150; n += 1) print({ type: "new_thing", n, text: "y".repeat(3000) });
      say([...body, ...result]);
    },
    killed: () => {
      say([...begin, ...body]);
      process.kill(process.pid, "SIGKILL");
    },
    usageError: () => {
      process.stderr.write("unknown option --nonsense\n");
      process.exitCode = 2;
    },
    linger: () => {
      say(all);
      setInterval(() => {}, 1000);
    },
    badExit: () => {
      say(all);
      process.exitCode = 7;
    },
    wait: () => {
      say([...begin, ...body]);
      setInterval(() => {}, 1000);
    },
  };
  scenes[scene]();
}

// The same type with every field of another shape.
function oddShapes(line) {
  const shapes = [null, 7, "text", [], [null, 1, "x", {}], {}];
  return shapes.map((shape) =>
    Object.fromEntries(
      Object.entries(line).map(([key, value]) => [key, key === "type" ? value : shape]),
    ),
  );
}
