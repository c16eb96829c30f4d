/**
 * Imported before zod is used: zod would test whether it may compile functions from text, and would
 * read `navigator` for that, which an extension host reports as an error.
 */
import * as z from "zod";

z.config({ jitless: true });
