/** mocha's `spec` reporter with another last line: `N passed, N failed`. */
import { relative } from "node:path";
import Mocha from "mocha";

/** What is left to end by itself after the last line has this long. */
const exitGraceMs = 1_000;

class Reporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    const { passes, failures, pending } = this.stats;
    for (const test of this.failures) {
      // A file whose process has died, or that cannot be loaded: mocha puts its name here only.
      const { file } = test.err as { file?: string };
      if (file !== undefined) test.title += `: ${relative("", file)}`;
    }
    if (this.failures.length > 0) {
      console.log();
      Mocha.reporters.Base.list(this.failures);
    }
    console.log(
      `\n${pending > 0 ? `${pending} not run\n` : ""}${passes} passed, ${failures} failed`,
    );
    if (passes + failures === 0) this.runner.failures = 1;
    // The hook after all tests has found what is still open, and failed. It must not hang as well.
    setTimeout(() => process.exit(1), exitGraceMs).unref();
  }
}

// mocha loads a reporter with require(), and takes for it whatever module.exports is.
export { Reporter as "module.exports" };
