const { availableParallelism } = require("node:os");

module.exports = {
  require: ["./test/support/setup.ts"],
  reporter: "./test/support/reporter.ts",
  // Ends what hangs, and judges no speed: see waitFor.ts.
  timeout: 240_000,
  slow: 2_000,
  exit: false,
  forbidOnly: true,
  // With --parallel: most tests wait for processes, so there are more of them than processors.
  jobs: availableParallelism() + 1,
};
