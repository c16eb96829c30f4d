// Talks for ever, a line each 5 ms.
let line = 0;
setInterval(() => console.log(`line ${(line += 1)}`), 5);
