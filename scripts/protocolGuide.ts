/** The part of docs/protocol.md that is in no schema: transport, life cycle, order, delivery. */
export const protocolGuide = `
Any editor, or any other program, can run sub-agents through Offshoot: it starts \`offshoot --stdio\`,
exchanges JSON-RPC 2.0 messages with it, and sees the same tree as every other client of the core.
[\`protocol/schema.json\`](../protocol/schema.json) holds every message as JSON Schema (2020-12).

## Conventions

- Times end in \`At\` and are epoch milliseconds. Durations end in \`Ms\`.
- An absent field means unchanged or unknown; \`null\` means cleared.
- Within one protocol version fields may be added, but no field changes its meaning: ignore fields
  that you do not know. A different major version is refused at \`initialize\` with error 1008.
- Types are written as in TypeScript; an \`integer\` is a number without a fraction.

## Transport

- \`offshoot --stdio\` uses the base protocol of the Language Server Protocol: a
  \`Content-Length\` header, an empty line, UTF-8 JSON. Its stdout carries nothing else. Warnings go
  to stderr; the core's log is a file in the state folder.
- The process that you start is a **front**. The front joins the **core** of its state folder or
  starts one, which outlives the front, and passes messages both ways. The front ends when its stdin
  ends, when the process that \`initialize.processId\` names has ended, or when no core can be started.
- The state folder chooses the core: \`--state-dir DIR\`, else \`OFFSHOOT_STATE_DIR\`, else the
  platform's folder for state. Many fronts share one core.
- A message over 64 MiB, or a header over 8 KiB, ends that connection and no other.

## Life cycle

1. \`initialize\` (request), \`initialized\` (notification), then any other message.
2. \`shutdown\` (request), \`exit\` (notification). The exit code is 0 after \`shutdown\`, 1 without it.
   The core and its runs continue.

| Situation | Answer |
| --- | --- |
| a request before \`initialize\` | error -32002 |
| a second \`initialize\`, or anything but \`exit\` after \`shutdown\` | error -32600 |
| an unknown request | error -32601 |
| an unknown notification | ignored |
| invalid params | error -32602, \`data.issues\` has path and message of each fault |
| a message that is not JSON | error -32700 with id \`null\`; the connection stays open |
| \`$/cancelRequest\` for a request without an answer | that request gets error -32800 |
| an unforeseen error | error -32603 with a message for people |

## Order and delivery

- A client without a subscription gets answers only.
- The answer to \`session/spawn\` goes out before any notification about that session.
- Per session: \`subAgent/started\`, then its events (\`seq\` 1, 2, 3 … over all runs of the session),
  then \`subAgent/completed\`. Nothing of a run follows its completion.
- \`completionSeq\` is one number without gaps for the whole store. A completion is stored first and
  then sent, in ascending order on every connection. After a reconnect, call \`tree/subscribe\` with
  \`afterCompletion\`: the completions after that number are sent again (\`replayed: true\`).
- A completion or an event with \`stored: false\` was sent while the store could not take it. The store
  tries again. If the core crashes before that, another event or completion gets the same number:
  after a reconnect, continue from the highest stored number. \`lastSeq\` counts stored events only.
- The answer to \`session/wait\` comes after the notifications about the same completions.
- \`session/cancel\` answers when the cancel is stored, before the subtree has ended. A cancelled run
  never runs again, even if the core dies in the next moment.
- If a message was \`injected\` and its run ended before the agent read it, another run is queued, which
  reads the message.
- An approval is resolved once. \`approval/resolved\` has the decision \`expired\` when the run, the agent
  or the core has ended; for a core that died, the front sends this notification.
- A paused run has not ended: it has no completion, and continues with the same \`runId\`.
- A run that never started (cancelled while queued, skipped, failed to load) has a completion and
  no \`subAgent/started\`.
- A run that waits for a retry is \`suspended\`, holds no slot, and has \`waitingFor.until\`.
- When a client is slow, deltas may be merged (same order, same text) and nothing else is. If that is
  not enough, \`subAgent/gap\` names the events that the client can read with \`session/events\`.
  Starts, completions, approvals and changes are never dropped.
- A slow or dead client never delays another client or a run.
`.trim();
