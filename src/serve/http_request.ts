/** What of a request of HTTP is checked before anybody looks into it. @module */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { parseJson } from "../core/json.ts";
import { mostPassedBytes, mostRequestBytes } from "../core/limits.ts";
import { quote } from "../core/quote.ts";
import { Refusal } from "./refusal.ts";

/**
 * Throws unless a request names this machine as its host: a page whose own name was made to lead here (DNS
 * rebinding) names that.
 *
 * @throws {Refusal} when it does not.
 */
export function assertLocal({ headers: { host = "" } }: IncomingMessage): void {
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
 * Lets the bytes of a request pass, read or not, even once it is refused: a client that still sends would not hear
 * why. It is cut off after {@link mostPassedBytes}.
 */
export function letPass(request: IncomingMessage): void {
  let bytes = 0;
  request.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes > mostPassedBytes) request.destroy();
  });
}

/** The bytes of a request, which must not have passed yet. */
function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>(), parts: Buffer[] = [];
  let bytes = 0;
  request.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes <= mostRequestBytes) return void parts.push(part);
    parts.length = 0;
    reject(tooLarge("more"));
  });
  request.on("end", () => resolve(Buffer.concat(parts)));
  request.on("close", () => reject(new Refusal(400, "a request must come to its end")));
  return promise;
}

const tooLarge = (found: string): Refusal =>
  new Refusal(413, `a request may have at most ${mostRequestBytes} bytes, found ${found}`);

/**
 * The JSON of a request, of which nothing may have passed yet.
 *
 * @throws {Refusal} when it does not say that it is JSON, is none, or is too large.
 */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const { "content-type": type = "", "content-length": length = "0" } = request.headers;
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    const rule = "the content type of a request must be application/json";
    throw new Refusal(415, `${rule}, found ${quote(type)}`);
  }
  if (Number(length) > mostRequestBytes) throw tooLarge(length);
  const all = await readBytes(request);
  try {
    return parseJson(all);
  } catch (error) {
    throw new Refusal(400, `a request must be JSON: ${(error as Error).message}`);
  }
}
