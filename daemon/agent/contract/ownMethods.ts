/** Offshoot's own methods beside the Agent Client Protocol, which the agent calls at its client. */
export const ownMethods = {
  /**
   * Takes a turn of an editor's model; `cancelTurn` cancels that turn, `turnPart` brings its parts.
   */
  completeTurn: "_offshoot/model/complete",
  cancelTurn: "_offshoot/model/cancel",
  turnPart: "_offshoot/model/part",
  /** Answers `{granted}`: whether the budget, which the client counts, has another turn. */
  beginTurn: "_offshoot/turn/begin",
} as const;
