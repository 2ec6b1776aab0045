/** The kernel's side of sliders: one server for all of them, reachable from this machine only. @module */

import { compactJson } from "../../figures/json.ts";

/** Answers a page's query with a value for JSON. */
export type Answer = (query: URLSearchParams) => Promise<unknown>;

/** The page has another origin: Jupyter's, or a file. */
const headers = {
  "access-control-allow-origin": "*",
  "access-control-allow-private-network": "true",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; sandbox", // if it is opened as a page
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
};

const answers = new Map<string, Answer>();

/** The token of each slider by its key. */
const tokens = new Map<string, string>();

let origin: string | undefined;

/**
 * Serves answers at a URL that cannot be guessed. An earlier slider with the same `key` is no longer served:
 * its cell was run again.
 */
export function serveAnswers(key: string, answer: Answer): string {
  answers.delete(tokens.get(key) ?? "");
  const token = crypto.randomUUID();
  tokens.set(key, token);
  answers.set(token, answer);
  origin ??= listen();
  return `${origin}/${token}`;
}

function listen(): string {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, respond);
  server.unref();
  return `http://127.0.0.1:${server.addr.port}`;
}

function respond(request: Request): Response {
  const url = URL.parse(request.url); // null if the client sent a Host that is none
  if (!url) return refusal(400, "a request needs a host");
  const token = url.pathname.slice(1), answer = answers.get(token);
  if (!answer) return refusal(404, "no such slider");
  // Before a page asks this machine, its browser asks whether it may; the headers say so.
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
  if (request.method !== "GET") return refusal(405, "a slider is asked with GET");
  if (url.searchParams.size === 0) return new Response(null, { status: 204, headers });
  const draw = async () =>
    answers.has(token) ? await answerJson(answer, url.searchParams) : replaced;
  return new Response(inTurnIfAwaited(draw), { headers });
}

/** What a question hears that waited while the slider's cell was run again. */
const replaced = JSON.stringify({ error: "the cell of this slider was run again" });

/**
 * A body that is made when its turn comes, unless the client has left by then. A body hears at once that
 * its client leaves; a request's `signal` does too, but reading it makes Deno 2.9 print a warning.
 */
function inTurnIfAwaited(make: () => Promise<string>): ReadableStream<Uint8Array> {
  let isAwaited = true;
  return new ReadableStream({
    async start(controller) {
      const text = await inTurn(async () => isAwaited ? await make() : "");
      if (!isAwaited) return;
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
    cancel() {
      isAwaited = false;
    },
  });
}

function refusal(status: number, text: string): Response {
  return new Response(text, { status, headers });
}

let before: Promise<unknown> = Promise.resolve();

/** Draws one at a time: sliders may share what they use, such as a model. */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = before.then(work);
  before = done.catch(() => {}); // the failed request gets the error
  return done;
}

async function answerJson(answer: Answer, query: URLSearchParams): Promise<string> {
  try {
    return compactJson(await answer(query));
  } catch (error) {
    return JSON.stringify({ error: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
