/**
 * Offshoot's own methods beside the Agent Client Protocol, by which the agent uses the models of
 * editors: it asks its client to complete a turn or to cancel that, and is told the parts.
 */
export const editorMethods = {
  complete: "_offshoot/model/complete",
  cancel: "_offshoot/model/cancel",
  part: "_offshoot/model/part",
} as const;
