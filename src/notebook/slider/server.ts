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

async function respond(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const answer = answers.get(pathname.slice(1));
  if (!answer) return new Response("no such slider", { status: 404, headers });
  if (searchParams.size === 0) return new Response(null, { status: 204, headers });
  return new Response(await inTurn(() => answerJson(answer, searchParams)), { headers });
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
