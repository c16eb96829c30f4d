import type * as z from "zod";
import { invalidParams } from "./requestErrors.ts";

/** Reads `_meta.offshoot`. Throws "invalid params", naming every fault. */
export function readMeta<Schema extends z.ZodType>(
  schema: Schema,
  meta: Record<string, unknown> | null | undefined,
): z.infer<Schema> {
  const parsed = schema.safeParse(meta?.["offshoot"] ?? {});
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join(".")}: ${message}` : message,
  );
  throw invalidParams(`_meta.offshoot: ${faults.join("; ")}`);
}
