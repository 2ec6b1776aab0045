/** Connections to servers: why one failed, in a few words, and how one is left. @module */

/** Reasons in plain words for Deno's messages about failed connections. */
const reasons: readonly [words: RegExp, reason: string][] = [
  [/dns error|failed to lookup/, "no server of that name was found; is there a network?"],
  [/connection refused/i, "the server does not accept connections"],
  [/network is unreachable/i, "there is no network"],
  [/certificate/i, "the server's certificate is not trusted"],
];

/** The reason of an error that `fetch` throws: Deno's own is in the cause, after the address again. */
export function connectionReason({ cause, message }: Error): string {
  if (!(cause instanceof Error)) return message.replaceAll(/\s+/g, " ");
  const known = reasons.find(([words]) => words.test(cause.message));
  const rest = cause.message.replace(/^error sending request for url \(.*?\): /, "");
  return known?.[1] ?? rest.replaceAll(/\s+/g, " ");
}

/** Leaves the body of an answer unread, whether or not the connection still stands. */
export async function discard({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => {});
}
