/** How answers and refusals are sent. @module */

import { Buffer } from "node:buffer";
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { terminalText } from "../core/terminal_text.ts";
import type { Connection } from "./connection.ts";
import { Refusal } from "./refusal.ts";

/** No page of another origin is told to read an answer; no browser takes one for something else than JSON. */
const headers = {
  "cache-control": "no-store",
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
};

/** The names of vLLM and OpenAI's clients for what is wrong. */
const types: Readonly<Record<number, string>> = {
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "NotFoundError",
  429: "RateLimitError",
};

/** What a client is told of errors that are not its own: others could name what is on the disk. */
const broke = new Refusal(500, "the server failed to answer, and has written why where it runs");

/** Sends a value as JSON. */
export function send(
  response: ServerResponse,
  status: number,
  value: unknown,
  more: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { ...headers, ...more, "content-length": body.length });
  response.end(body);
}

/**
 * Sends why there is no answer; what is no {@link Refusal} is the server's fault, and told on its own side. A
 * connection is not used again where not all of the request has come.
 */
export function refuse(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return;
  if (!(error instanceof Refusal)) console.error(terminalText(`a request failed: ${error}`));
  const { status, message, field, headers } = error instanceof Refusal ? error : broke;
  const value = errorJson(status, message, field), { complete, socket } = response.req;
  if (response.headersSent) return void response.end(event(value));
  if (!complete) (socket as unknown as Connection).stop();
  send(response, status, value, {
    ...headers,
    ...(status === 401 && { "www-authenticate": "Bearer" }),
    ...(status === 429 && { "retry-after": "1" }),
    ...((status === 503 || !complete) && { "connection": "close" }),
  });
}

/** An error in the shape of OpenAI's interface. */
function errorJson(status: number, message: string, field?: string): unknown {
  const type = types[status] ?? (status < 500 ? "BadRequestError" : "InternalServerError");
  return { error: { message, type, param: field ?? null, code: status } };
}

/** Begins an answer in events, and returns what sends one; undefined is the last. */
export function eventsOn(response: ServerResponse): (value: unknown) => void {
  response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
  return (value) => {
    if (value === undefined) response.end("data: [DONE]\n\n");
    else response.write(event(value));
  };
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** What a connection is told whose bytes are no request, by the codes of node's errors. */
const broken: Readonly<Record<string, readonly [status: number, rule: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "came too slowly"],
  HPE_HEADER_OVERFLOW: [431, "has headers that are too large"],
};

/** Answers what is no HTTP, or does not come to its end. */
export function refuseBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, rule] = broken[error.code ?? ""] ?? [400, "is no HTTP"];
  const body = JSON.stringify(errorJson(status, `a request must be HTTP, and this one ${rule}`));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
