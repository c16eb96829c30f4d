/** The rooms of the extension, and which rooms each may import. `.` has the files that are in none. */
export const extensionRooms: Record<string, readonly string[]> = {
  base: [],
  sessions: ["base"],
  daemon: ["sessions", "base"],
  editor: ["daemon", "sessions", "base"],
  approvals: ["editor", "daemon", "sessions", "base"],
  models: ["editor"],
  tree: ["editor", "daemon", "sessions", "base"],
  transcript: ["editor", "daemon", "sessions", "base"],
  timeline: ["editor", "sessions", "base"],
  pages: ["timeline", "transcript", "sessions", "base"],
  chatTools: ["editor", "daemon", "sessions", "base"],
  statusBar: ["approvals", "editor", "sessions", "base"],
  notifications: ["approvals", "editor", "sessions", "base"],
  commands: ["tree", "models", "editor", "daemon", "sessions", "base"],
  ".": [
    ...["commands", "notifications", "statusBar", "chatTools", "timeline", "transcript", "tree"],
    ...["models", "approvals", "editor", "daemon", "sessions", "base"],
  ],
};
