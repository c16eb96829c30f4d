import { OffshootError } from "../../protocol/errors.ts";
import type { StoreHealth } from "./records.ts";

/** 1006, with why the store takes no writes. */
export function storeUnavailable(health: StoreHealth): OffshootError {
  const cause = health.ok ? "the write failed" : health.cause;
  return new OffshootError("storeUnavailable", `the store cannot take it: ${cause}`, { cause });
}
