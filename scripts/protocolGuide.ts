/** The part of docs/protocol.md that no schema can say: transport, life cycle, order, delivery. */
export const protocolGuide = `
Any editor, or any other program, can run sub-agents through Offshoot: start \`offshoot --stdio\`,
speak JSON-RPC 2.0 with it, and see the same tree as every other client of the same core.
[\`protocol/schema.json\`](../protocol/schema.json) holds every message as JSON Schema (2020-12).

## Conventions

- Times end in \`At\` and are epoch milliseconds. Durations end in \`Ms\`.
- An absent field means unchanged or unknown; \`null\` means cleared.
- Fields may be added within one protocol version, none changes its meaning: ignore what you do
  not know. A different major version is refused at \`initialize\` with error 1008.
- Types are written as in TypeScript; an \`integer\` is a number without a fraction.

## Transport

- \`offshoot --stdio\` speaks the base protocol of the Language Server Protocol: a
  \`Content-Length\` header, an empty line, UTF-8 JSON. Its stdout carries nothing else. It logs to
  stderr and to a file in the state folder.
- The process that you start is a **front**. It joins the **core** of its state folder or starts
  one, which outlives it, and passes bytes both ways. It ends when its stdin ends, when the process
  named by \`initialize.processId\` is dead, or when the core is gone and cannot be started again.
- \`--state-dir DIR\`, else \`OFFSHOOT_STATE_DIR\`, else the platform's state folder chooses the core.
  Many fronts share one core.
- A message over 64 MiB, or a header over 8 KiB, ends that connection and hurts no other.

## Life cycle

1. \`initialize\` (request), \`initialized\` (notification), then whatever you like.
2. \`shutdown\` (request), \`exit\` (notification). The exit code is 0 after \`shutdown\`, 1 without it.
   The core and its runs go on.

| Situation | Answer |
| --- | --- |
| a request before \`initialize\` | error -32002 |
| a second \`initialize\`, or anything but \`exit\` after \`shutdown\` | error -32600 |
| an unknown request | error -32601 |
| an unknown notification | ignored |
| invalid params | error -32602, \`data.issues\` has path and message of each fault |
| bytes that are not JSON | error -32700 with id \`null\`; the connection goes on |
| \`$/cancelRequest\` for a request that waits | that request answers with error -32800 |
| anything unforeseen | error -32603 with a message that a person can act on |

## Order and delivery

- A client that has subscribed to nothing gets answers only.
- The answer to \`session/spawn\` goes out before any notification about that session.
- Per session: \`subAgent/started\`, then its events (\`seq\` 1, 2, 3 … over all runs of the session),
  then \`subAgent/completed\`. Nothing of a run follows its completion.
- \`completionSeq\` is one gapless number for the whole store: stored first, then sent, ascending on
  every connection. After a reconnect, \`tree/subscribe\` with \`afterCompletion\` sends again
  (\`replayed: true\`) what you have not seen.
- A completion or an event with \`stored: false\` was sent while the store could not take it. The store
  tries again. After a crash of the core the number may come again with something else: after a
  reconnect go on from the highest number that was stored. Every \`lastSeq\` counts stored events only.
- The answer to \`session/wait\` comes after the notifications of the ends that it tells of.
- \`session/cancel\` answers when it is certain that all of it will end, before it has: what was
  cancelled never runs again, also when the core dies in the next moment.
- A message that was \`injected\` and that the agent had not read when its run ended is read by the next
  run, which is queued by itself.
- An approval ends once. \`approval/resolved\` says \`expired\` when its run, its agent or the core has
  ended, the last by the front that you are connected through.
- A paused run is no ended one: it has no completion, and goes on under the same \`runId\`.
- A run that never started (cancelled while queued, skipped, nothing to load) has a completion and
  no \`subAgent/started\`.
- Deltas may be merged (same order, same text) when a client is slow; nothing else is. Where that is
  not enough, \`subAgent/gap\` names the events to be read with \`session/events\`. Starts, completions,
  approvals and changes are never dropped.
- A slow or dead client never delays another client or a run.
`.trim();
