import { OffshootError } from "../../protocol/errors.ts";
import type { StoreHealth } from "./records.ts";

/** 1006: what cannot be done, and why the store takes no writes. */
export function storeUnavailable(
  health: StoreHealth,
  what = "the store cannot take it",
): OffshootError {
  const cause = health.ok ? "the write failed" : health.cause;
  return new OffshootError("storeUnavailable", `${what}: ${cause}`, { cause });
}
