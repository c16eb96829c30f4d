/** Memory and processor time of a process, from /proc. Zero where there is no /proc. */
import { readFileSync, writeFileSync } from "node:fs";

/** Megabytes (10^6 bytes) that are resident now, and at most since the start or `forgetPeak`. */
export function memoryOf(pid: number): { nowMb: number; peakMb: number } {
  const status = read(`/proc/${pid}/status`);
  const kilobytes = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { nowMb: kilobytes("VmRSS") * 1.024e-3, peakMb: kilobytes("VmHWM") * 1.024e-3 };
}

/** Starts a new count of the peak. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Without this file the peak is that of the whole life of the process.
  }
}

/** Milliseconds of processor time so far, its children not counted. Ticks are hundredths here. */
export function processorMsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
}

/** Milliseconds of the wall clock, with the resolution of performance.now(). */
export function wallClock(): () => number {
  const begin = Date.now();
  let tick = begin;
  while (tick === begin) tick = Date.now();
  const offset = tick - performance.now();
  return () => performance.now() + offset;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
