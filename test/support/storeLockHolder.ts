/** Takes the lock that its argument names, says so or says "held", and stays until it is killed. */
import { acquireLock } from "../../daemon/store/lock.ts";

const [file] = process.argv.slice(2);
const lock = await acquireLock(file ?? "");
process.stdout.write(lock === "held" ? "held\n" : "taken\n");
if (lock !== "held") {
  // The lock alone does not keep the process alive.
  process.stdin.resume();
  process.stdin.once("end", () => void lock.release());
}
