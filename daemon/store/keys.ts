/**
 * The keys of the store, and the only place that knows their shapes. Parts are separated by `/`
 * and numbers have a fixed width, so that the order of the keys is the order of what they name.
 * No key has a `:`: keyv splits keys there from its next major version on.
 */

/** All keys from `from` up to, but without, `to`. */
export interface KeyRange {
  from: string;
  to: string;
}

const fixed = (number: number, width: number) => String(number).padStart(width, "0");

const headerPrefix = "h/";
const completionPrefix = "c/";
const processPrefix = "r/";
const approvalPrefix = "a/";
const approvalRulePrefix = "p/";
const deletionPrefix = "d/";
const eventPrefix = (sessionId: string) => `s/${sessionId}/e/`;
const messagePrefix = (sessionId: string) => `s/${sessionId}/m/`;

export const headerKey = (sessionId: string) => headerPrefix + sessionId;
export const eventKey = (sessionId: string, seq: number) => eventPrefix(sessionId) + fixed(seq, 12);
export const messageKey = (sessionId: string, n: number) => messagePrefix(sessionId) + fixed(n, 8);
export const blobPartKey = (sessionId: string, blobId: string, part: number) =>
  `s/${sessionId}/b/${blobId}/${fixed(part, 6)}`;
export const completionKey = (completionSeq: number) => completionPrefix + fixed(completionSeq, 14);
export const processKey = (runId: string, pid: number) => `${processPrefix}${runId}/${pid}`;
export const approvalKey = (id: string) => approvalPrefix + id;
export const approvalRuleKey = (id: string) => approvalRulePrefix + id;
/** Marks a session that is being removed, so that a later core can finish the removal. */
export const deletionKey = (sessionId: string) => deletionPrefix + sessionId;
export const metadataKey = (name: string) => `m/${name}`;

/** The number at the end of an event's or a completion's key. */
export const numberOfKey = (key: string) => Number(key.slice(key.lastIndexOf("/") + 1));

/** The id in the key of a header or of a deletion. */
export const sessionIdOfKey = (key: string) => key.slice(key.indexOf("/") + 1);

export const runIdOfProcessKey = (key: string) =>
  key.slice(processPrefix.length, key.lastIndexOf("/"));

export const headers = (): KeyRange => startingWith(headerPrefix);
export const completions = (): KeyRange => startingWith(completionPrefix);
export const completionsAfter = (completionSeq: number): KeyRange => ({
  from: completionKey(completionSeq + 1),
  to: completions().to,
});
export const completionsBefore = (completionSeq: number): KeyRange => ({
  from: completionPrefix,
  to: completionKey(completionSeq),
});
export const processes = (): KeyRange => startingWith(processPrefix);
export const approvals = (): KeyRange => startingWith(approvalPrefix);
export const approvalRules = (): KeyRange => startingWith(approvalRulePrefix);
export const deletions = (): KeyRange => startingWith(deletionPrefix);
export const eventsAfter = (sessionId: string, seq: number): KeyRange => ({
  from: eventKey(sessionId, seq + 1),
  to: startingWith(eventPrefix(sessionId)).to,
});
export const messagesAfter = (sessionId: string, n: number): KeyRange => ({
  from: messageKey(sessionId, n + 1),
  to: startingWith(messagePrefix(sessionId)).to,
});
/** Everything of a session but its header. */
export const rowsOfSession = (sessionId: string): KeyRange => startingWith(`s/${sessionId}/`);

/** `prefix` ends in `/`, and `0` is the character after it. */
function startingWith(prefix: string): KeyRange {
  return { from: prefix, to: `${prefix.slice(0, -1)}0` };
}
