// Takes more and more memory as soon as it is spoken to.
const kept = [];
process.stdin.on("data", () => {
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, n) => ({ n })));
});
