import type * as z from "zod";
import { invalidParams } from "./requestErrors.ts";

export type Meta = Record<string, unknown> | null | undefined;

/** Reads `_meta.offshoot`. Throws "invalid params", naming every fault. */
export function readMeta<Schema extends z.ZodType>(schema: Schema, meta: Meta): z.infer<Schema> {
  const parsed = schema.safeParse(meta?.["offshoot"] ?? {});
  if (parsed.success) return parsed.data;
  throw invalidParams(`_meta.offshoot: ${faultsOf(parsed.error)}`);
}

/** One sentence that names every fault with its path. */
function faultsOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}
