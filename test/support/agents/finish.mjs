// Prints its second argument on stdout, its third on stderr, and ends with its first as exit code
// or, when that is the name of a signal, by that signal.
const [end = "0", out = "", complaint = ""] = process.argv.slice(2);
process.stdout.write(out);
process.stderr.write(complaint);
if (end.startsWith("SIG")) process.kill(process.pid, end);
else process.exitCode = Number(end);
