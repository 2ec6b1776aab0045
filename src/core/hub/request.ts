/** Requests to the Hugging Face hub, and to the servers that it sends them to. @module */

import { connectionReason, discard } from "../connection.ts";
import { mostIndexBytes, mostRedirects } from "../limits.ts";
import { oneLine } from "../quote.ts";
import type { HubName } from "./name.ts";
import type { HubSettings } from "./settings.ts";

/** The hub gave no answer, or none that says anything about the repository: the cache may have it. */
export class HubUnreachable extends Error {}

/**
 * Asks the hub, and follows where it sends the request. Only the hub itself gets the token.
 *
 * @throws {HubUnreachable} when a server cannot be reached or fails.
 * @throws {Error} when it refuses, in words about the repository.
 */
export async function request(
  settings: HubSettings,
  name: HubName,
  address: string,
  headers: HeadersInit = {},
  signal?: AbortSignal,
): Promise<Response> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await ask(settings, url, new Headers(headers), signal);
    const place = response.headers.get("location");
    if (response.ok) return response;
    await discard(response);
    if (response.status >= 400 || place === null) throw refusal(settings, name, response);
    url = redirected(url, place);
  }
  throw new Error(`${url.host} sends the request elsewhere more than ${mostRedirects} times`);
}

/**
 * Where a redirect leads.
 *
 * @throws {Error} when this is no address of the web, or no longer encrypted.
 */
export function redirected(from: URL, location: string): URL {
  const to = URL.parse(location, from);
  if (to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:")) {
    return to;
  }
  throw new Error(`${from.host} must send the request to another ${from.protocol}// address`);
}

async function ask(
  { endpoint, token, answerMs }: HubSettings,
  url: URL,
  headers: Headers,
  signal: AbortSignal = AbortSignal.timeout(answerMs),
): Promise<Response> {
  // A compressed file would have other offsets.
  headers.set("accept-encoding", "identity");
  if (token && url.origin === new URL(endpoint).origin) {
    headers.set("authorization", `Bearer ${token}`);
  }
  try {
    return await fetch(url, { headers, redirect: "manual", signal });
  } catch (error) {
    throw unreachable(url.host, error as Error);
  }
}

/** An error that says why a server cannot be reached. */
export function unreachable(host: string, error: Error): HubUnreachable {
  const reason = /^(TimeoutError|AbortError)$/.test(error.name)
    ? "the server sends nothing, or too little"
    : connectionReason(error);
  return new HubUnreachable(`${host} cannot be reached: ${reason}`, { cause: error });
}

/** What an answer other than a success means; the hub says more than the status in a header. */
function refusal(
  { token, endpoint }: HubSettings,
  { repository, revision }: HubName,
  { status, headers }: Response,
): Error {
  const host = new URL(endpoint).host, code = headers.get("x-error-code") ?? "";
  const login = token ? "HF_TOKEN has no access to it" : "set HF_TOKEN if it is private";
  if (status === 429 || status >= 500) {
    return new HubUnreachable(`${host} is not available (${status}); try again later`);
  }
  if (code === "GatedRepo" || status === 403) {
    const terms = `accept its terms on ${endpoint}/${repository}`;
    return new Error(
      `${repository} is gated: ${terms}${token ? "; " + login : " and set HF_TOKEN"} (${status})`,
    );
  }
  if (code === "RevisionNotFound") return new Error(`${repository} has no revision ${revision}`);
  if (code === "EntryNotFound") return new Error("the repository has no such file");
  if (status === 401 || status === 404) {
    return new Error(`${host} has no repository ${repository}, or hides it: ${login} (${status})`);
  }
  return new Error(`${host} refused (${oneLine(String(status))})`);
}

/**
 * The body of an answer, up to 64 MiB.
 *
 * @throws {HubUnreachable} when the connection breaks.
 * @throws {Error} when there is more.
 */
export async function bodyOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for await (const piece of response.body ?? []) {
      pieces.push(piece);
      if ((length += piece.length) > mostIndexBytes) break;
    }
  } catch (error) {
    throw unreachable(hostOf(response), error as Error);
  }
  if (length <= mostIndexBytes) return await new Blob(pieces).bytes() as Uint8Array<ArrayBuffer>;
  throw new Error(`${hostOf(response)} must send at most ${mostIndexBytes} bytes, sent more`);
}

const hostOf = ({ url }: Response): string => new URL(url).host;
