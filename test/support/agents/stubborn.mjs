// Hears TERM, says so and goes on; only KILL ends it.
process.on("SIGTERM", () => console.log("heard TERM"));
setInterval(() => {}, 1000);
console.log("ready");
