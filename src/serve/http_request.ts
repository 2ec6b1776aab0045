/** What of a request of HTTP is checked before anybody looks into it. @module */

import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { parseUniqueJson } from "../core/json.ts";
import { mostRequestBytes, mostRequestParts } from "../core/limits.ts";
import { quote } from "../core/quote.ts";
import { Refusal } from "./refusal.ts";

/**
 * Throws unless a request names this machine as its one host: a page whose own name was made to lead here (DNS
 * rebinding) names that.
 *
 * @throws {Refusal} when it does not.
 */
export function assertLocal({ headersDistinct: { host: hosts = [""] } }: IncomingMessage): void {
  const [host] = hosts;
  if (hosts.length > 1) {
    throw new Refusal(400, `a request must have one Host, found ${hosts.map(quote).join(" and ")}`);
  }
  if (/^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(host)) return;
  throw new Refusal(
    403,
    `the Host of a request must be 127.0.0.1 or localhost, found ${quote(host)}`,
  );
}

/**
 * Throws unless a request has the token, if there is one; how long that takes does not depend on how much of it is
 * right.
 *
 * @throws {Refusal} when it does not.
 */
export function assertAllowed(
  { headers: { authorization = "" } }: IncomingMessage,
  token: string | undefined,
): void {
  if (token === undefined) return;
  const given = /^bearer (.*)$/i.exec(authorization)?.[1] ?? "";
  const [own, wanted] = [given, token].map((text) => createHash("sha256").update(text).digest());
  if (timingSafeEqual(own, wanted)) return;
  throw new Refusal(
    401,
    "a request needs the header Authorization: Bearer TOKEN, with the server's token",
  );
}

/**
 * Throws unless the body of a request, if it has one, can be read: what its head says of it.
 *
 * @throws {Refusal} when it is packed, not said to be JSON, or too large, or something else is expected of us.
 */
export function assertReadable({ method, headers }: IncomingMessage): void {
  const { expect = "100-continue", "content-encoding": packed = "identity" } = headers;
  if (!/^100-continue$/i.test(expect)) {
    throw new Refusal(417, `a request may expect 100-continue alone, found ${quote(expect)}`);
  }
  if (!/^identity$/i.test(packed)) {
    const rule = "the content of a request must not be encoded";
    throw new Refusal(415, `${rule}, found ${quote(packed)}`);
  }
  const { "content-type": type = "", "content-length": length = "0" } = headers;
  if (method === "POST" && !/^application\/json\s*(;|$)/i.test(type)) {
    const rule = "the content type of a request must be application/json";
    throw new Refusal(415, `${rule}, found ${quote(type)}`);
  }
  if (Number(length) > mostRequestBytes) throw tooLarge(length);
}

/** The bytes of a request, which must not have passed yet, in one buffer that grows with them. */
function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let kept = new Uint8Array(2 ** 10), bytes = 0, parts = 0;
  const keep = (part: Buffer) => {
    const at = bytes;
    bytes += part.length;
    if (bytes > mostRequestBytes) return refuse(tooLarge("more"));
    if (++parts > mostRequestParts) return refuse(tooManyParts);
    if (bytes > kept.length) {
      kept = new Uint8Array(kept.buffer.transfer(Math.min(2 * bytes, mostRequestBytes)));
    }
    kept.set(part, at);
  };
  const refuse = (why: Refusal) => {
    request.off("data", keep);
    reject(why);
  };
  request.on("data", keep);
  request.on("end", () => resolve(kept.subarray(0, bytes)));
  request.on("close", () => reject(new Refusal(400, "a request must come to its end")));
  return promise;
}

const tooLarge = (found: string): Refusal =>
  new Refusal(413, `a request may have at most ${mostRequestBytes} bytes, found ${found}`);

const tooManyParts = new Refusal(
  413,
  `a request may come in at most ${mostRequestParts} parts, found more`,
);

/**
 * The JSON of a POST, of which nothing may have passed yet; undefined once another request has come to its end.
 *
 * @throws {Refusal} when it is none, or is too large.
 */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const all = await readBytes(request);
  if (request.method !== "POST") return;
  try {
    return parseUniqueJson(all);
  } catch (error) {
    throw new Refusal(400, `a request must be JSON: ${(error as Error).message}`);
  }
}
