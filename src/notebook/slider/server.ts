/** The kernel's side of sliders: one server for all, on this machine alone. @module */

import { compactJson } from "../../figures/json.ts";

/** Answers a page's question with what JSON can say. */
export type Answer = (query: URLSearchParams) => Promise<unknown>;

/** A page is from another origin: Jupyter's, or a file. */
const headers = {
  "access-control-allow-origin": "*",
  "access-control-allow-private-network": "true",
  "cache-control": "no-store",
  "content-type": "application/json",
};

const answers = new Map<string, Answer>();

/** The token of each slider by what tells it from others. */
const tokens = new Map<string, string>();

let origin: string | undefined;

/**
 * Serves answers at an address that cannot be guessed. The slider that had the same `key` before is
 * served no longer: its cell was run again.
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

/** One drawing after the other: sliders may share what they use, such as a model. */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = before.then(work);
  before = done.catch(() => {}); // the request that failed is told
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
