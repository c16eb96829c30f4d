/** What mocha loads before any test: the test folder, and the last look round after all of them. */
import { leaksSince, takeSnapshot, type Snapshot } from "./leaks.ts";

let atTheStart: Snapshot;

/**
 * A suite without `checkLeaks()` is caught here. Without this hook, whatever still holds the event
 * loop open would make mocha hang after its last test without a word.
 */
export const mochaHooks = {
  async beforeAll(): Promise<void> {
    atTheStart = await takeSnapshot();
  },
  async afterAll(): Promise<void> {
    const { sentences } = await leaksSince(atTheStart, 1_000);
    if (sentences.length > 0) {
      throw new Error(`the tests leave behind:\n  ${sentences.join("\n  ")}`);
    }
  },
};
