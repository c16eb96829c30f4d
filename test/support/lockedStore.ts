/** A store whose file another program has locked: nothing can be written while that lives. */
import { spawn } from "node:child_process";
import { once } from "node:events";

const holdsTheStore = `
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(process.argv[1]);
  database.exec("BEGIN IMMEDIATE");
  console.log("held");
  process.stdin.once("end", () => database.close()).resume();
`;

/** Locks the store until `free` is called. */
export async function lockStore(file: string): Promise<{ free(): Promise<void> }> {
  const holder = spawn(process.execPath, ["-e", holdsTheStore, file], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = once(holder, "exit");
  await once(holder.stdout, "data");
  return {
    async free() {
      holder.stdin.end();
      await ended;
    },
  };
}
