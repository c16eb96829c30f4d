/**
 * Imported before everything else: zod would look whether it may make functions out of texts, and
 * for that asks for `navigator`, which an extension host reports as an error.
 */
import * as z from "zod";

z.config({ jitless: true });
