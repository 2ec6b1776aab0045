/**
 * The server: requests in, answers out, over HTTP on this machine. After the server and its routes
 * come its connections, which make room for others, checks of a request before it is read, and
 * answers and refusals.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { isLocalHost, parseUniqueJson } from "../core/checks.ts";
import { DeviceError, oneLine, quote, terminalText } from "../core/errors.ts";
import {
  mostArrivalMs,
  mostClosingMs,
  mostIdleMs,
  mostPassedBytes,
  mostRequestBytes,
  mostRequestParts,
  mostUnreadBytes,
  refusingMs,
} from "../core/limits.ts";
import type { AdapterException } from "../formats/mod.ts";
import { type AdapterFolders, subfolderName } from "./adapter_folders.ts";
import { answer, isBase, readAsk, type Served } from "./completions.ts";
import { Fields, plainName, Refusal } from "./requests.ts";

// The server.

/** Function that answers the requests of one address: with a value for JSON, or by itself. */
export type Route = (request: RouteRequest) => Promise<unknown>;

/** A request as a route sees it. */
export interface RouteRequest {
  /** The JSON of a POST. */
  readonly body: unknown;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
  /** Begins an answer in parts, of which each is sent by the function that it returns. */
  readonly beginEvents: () => (value: unknown) => void;
}

/** Addresses as `POST /v1/completions`. */
export type Routes = Readonly<Record<string, Route>>;

/** Options of a listening server. */
export interface ListenOptions {
  /** 0 for one that is free. */
  readonly port: number;
  /** Token that requests have to bring; anybody on this machine may ask if there is none. */
  readonly token?: string;
  /** Most connections; those without a request make room for others, which are closed at once where there is none. */
  readonly connections: number;
}

/** A server on 127.0.0.1. */
export class LocalServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #routes: Routes;
  readonly #token: string | undefined;
  /** Requests that are being answered. */
  readonly #open = new Map<ServerResponse, IncomingMessage>();
  readonly #connections: Connections;
  #isClosing = false;

  private constructor(routes: Routes, { token, connections }: ListenOptions) {
    this.#routes = routes;
    this.#token = token;
    this.#connections = new Connections(connections);
    this.#server = createServer({
      requireHostHeader: false, // Our own check of the host says so in JSON.
      headersTimeout: mostArrivalMs,
      requestTimeout: mostArrivalMs,
      connectionsCheckingInterval: mostClosingMs,
      keepAliveTimeout: mostIdleMs,
    });
    const [serve] = this.#server.listeners("connection");
    this.#server.removeAllListeners("connection").on("connection", (socket: Socket) => {
      const connection = new Connection(socket);
      this.#connections.add(connection);
      serve.call(this.#server, connection as unknown as Socket); // Any stream will do, says node's manual.
    });
    this.#server.on("clientError", refuseBroken);
    for (const event of ["request", "checkContinue", "checkExpectation"]) {
      this.#server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        if (this.#connections.isFree(request, response)) void this.#respond(request, response);
      });
    }
  }

  /**
   * Listens.
   *
   * @throws {Error} when it cannot, as another program has the port.
   */
  static async listen(routes: Routes, options: ListenOptions): Promise<LocalServer> {
    const made = new LocalServer(routes, options),
      { port } = options,
      { promise, resolve, reject } = Promise.withResolvers();
    made.#server.once("error", reject).listen(port, "127.0.0.1", () => resolve(undefined));
    await promise.catch((error) => Promise.reject(cannotListen(port, error)));
    return made;
  }

  /** Its address: `http://127.0.0.1:8000`. */
  get address(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /**
   * Refuses requests, for a moment still those of clients that were between two of them, and closes once those that
   * have arrived are answered; a client that does not read its answer cannot delay it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await new Promise((resolve) => setTimeout(resolve, refusingMs));
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    const answered = [...this.#open].filter(([, request]) => request.complete)
      .map(([response]) => new Promise<void>((resolve) => response.once("close", resolve)));
    await within(mostClosingMs, Promise.all(answered));
    this.#connections.closeAll();
    await within(mostClosingMs, closed.promise);
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const client = new AbortController();
    this.#open.set(response, request);
    response.on("close", () => {
      this.#open.delete(response);
      client.abort();
    });
    response.on("error", () => {}); // It is closed then.
    try {
      const route = this.#admit(request);
      this.#connections.keep(request, response);
      if (request.headers.expect !== undefined) response.writeContinue();
      const body = await bodyOf(request);
      // Not before its body has come: a connection that is closed while a client sends has no answer for it.
      if (this.#isClosing) throw new Refusal(503, "the server is stopping");
      const beginEvents = () => eventsOn(response);
      const value = await route({ body, signal: client.signal, beginEvents });
      if (!response.headersSent) send(response, 200, value);
    } catch (error) {
      refuse(response, error);
    }
  }

  /** Answers a request, after all checks that need nothing but its head. */
  #admit(request: IncomingMessage): Route {
    assertLocal(request);
    assertAllowed(request, this.#token);
    const route = this.#routeOf(request);
    assertReadable(request);
    return route;
  }

  #routeOf({ method, url = "" }: IncomingMessage): Route {
    const path = url.split("?")[0], own = Object.keys(this.#routes), key = `${method} ${path}`;
    const meant = method === "HEAD" ? `GET ${path}` : key;
    if (Object.hasOwn(this.#routes, meant)) return this.#routes[meant];
    const other = own.find((known) => known.endsWith(` ${path}`));
    if (other === undefined) {
      throw new Refusal(404, `an address must be one of ${own.join(", ")}, found ${oneLine(key)}`);
    }
    const allow = other.startsWith("GET ") ? "GET, HEAD" : "POST";
    const sentence = `the address takes ${other}, found ${oneLine(key)}`;
    throw new Refusal(405, sentence, undefined, { allow });
  }
}

/** Resolves with a promise, or after some time. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>(), timer = setTimeout(late.resolve, ms);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
}

function cannotListen(port: number, error: Error & { readonly code?: string }): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "another program has it: give another --port, or 0 for one that is free",
    EACCES: "the system keeps it for others: give a --port from 1024 on",
  };
  const reason = reasons[error.code ?? ""] ?? error.message;
  return new Error(`cannot listen at port ${port}: ${reason}`, { cause: error });
}

// Routes.

/** The adapters that may be loaded. */
export interface Loadable {
  /** Their folders; none may be loaded if this is absent. */
  readonly folders?: AdapterFolders;
  /** Exceptions that may pass in them, which otherwise stop the reading of an adapter. */
  readonly allow?: readonly AdapterException[];
}

/** The addresses of vLLM: a list, completions, and adapters that come and go. */
export function routesOf(served: Served, loadable: Loadable): Routes {
  const created = Math.floor(Date.now() / 1000);
  const card = (id: string, parent: string | null) => ({
    ...{ id, object: "model", created, owned_by: "lowrank", parent },
    max_model_len: served.length,
  });
  const cards = () => [
    card(served.name, null),
    ...served.engine.adapters.map((id) => card(id, served.name)),
  ];
  return {
    "GET /v1/models": () => Promise.resolve({ object: "list", data: cards() }),
    "POST /v1/completions": complete(served),
    "POST /v1/load_lora_adapter": async ({ body }) => {
      const fields = new Fields(body), own = fields.need("lora_name", plainName);
      const folder = fields.take("lora_path", subfolderName) ?? own;
      fields.end();
      await loadAdapters(served, loadable, new Map([[own, folder]]))
        .catch((error) => Promise.reject(refusalOf(error, loadable.folders!)));
      return card(own, served.name);
    },
    "POST /v1/unload_lora_adapter": async ({ body }) => {
      const fields = new Fields(body), own = fields.need("lora_name", plainName);
      fields.end();
      await served.engine.unload(own);
      return { id: own, object: "model", deleted: true };
    },
  };
}

const complete = (served: Served): Route => async ({ body, signal, beginEvents }) => {
  const ask = readAsk(served, body);
  if (!ask.stream) return await answer(served, ask, signal);
  let send: ReturnType<typeof beginEvents> | undefined;
  // The first part begins the answer: until then it can be refused.
  const begin = () => send ??= beginEvents();
  const whole = await answer(served, ask, signal, (part) => begin()(part));
  const { usage, ...last } = whole;
  const ends = ask.countsApart ? [last, { ...last, choices: [], usage }] : [whole];
  for (const part of [...ends, undefined]) begin()(part);
};

/**
 * Loads adapters by the names that clients will have for them and those of their folders.
 *
 * @throws {Refusal} when a name is taken or cannot be one, a folder is missing, or there are too many.
 * @throws {Error} when a folder is broken or does not fit.
 */
export async function loadAdapters(
  served: Served,
  { folders, allow }: Loadable,
  wanted: ReadonlyMap<string, string>,
): Promise<void> {
  const { engine } = served;
  if (!folders) throw new Refusal(400, "loading needs a server that was started with --adapters");
  const paths: [name: string, path: string][] = [];
  for (const [name, folder] of wanted) {
    if (isBase(served, name) || engine.adapters.includes(name)) {
      const rule = "the name of a new adapter must be free";
      throw new Refusal(400, `${rule}, found ${quote(name)}`, "lora_name");
    }
    paths.push([name, await folders.pathOf(folder)]);
  }
  await engine.load(Object.fromEntries(paths), allow);
}

/** A folder that cannot be used is the client's fault, a device without room is not. */
function refusalOf(error: unknown, folders: AdapterFolders): unknown {
  const isOther = error instanceof DeviceError || error instanceof Refusal;
  if (isOther || !(error instanceof Error)) return error;
  return new Refusal(400, folders.sentenceOf(error), "lora_path");
}

// Connections.

/** Bytes that are parsed at once: as chunks of one byte they take 2 ms, in which nobody else is answered. */
const pieceBytes = 2 ** 12;

/**
 * A client's connection, whose bytes are parsed in small pieces, and not at all once it is stopped. When its end has
 * been written it is closed after a while, in which a client that still sends can read why it was refused.
 */
export class Connection extends Duplex {
  readonly #socket: Socket;
  /** Bytes that have come and were not parsed yet. */
  #rest: Uint8Array = new Uint8Array(0);
  #isStopped = false;
  #passed = 0;

  /** Takes over a socket. */
  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("end", () => this.push(null));
    socket.on("timeout", () => this.emit("timeout"));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Nothing that comes is parsed any more: a little of it passes, the rest waits until the connection is closed. */
  stop(): void {
    this.#isStopped = true;
    this.#socket.resume();
  }

  /** Lets it time out when nothing comes for so long, or never for 0. */
  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms);
    return this;
  }

  #take(bytes: Buffer): void {
    this.#rest = bytes;
    this.#socket.pause();
    if (!this.#isStopped) return this.#give();
    this.#passed += bytes.length;
    if (this.#passed <= mostPassedBytes) this.#socket.resume();
  }

  #give(): void {
    const piece = this.#rest.subarray(0, pieceBytes);
    this.#rest = this.#rest.subarray(pieceBytes);
    if (!this.#isStopped) this.push(piece);
  }

  /** Not at once: what was parsed before is to be looked at first. */
  override _read(): void {
    if (this.#rest.length > 0) queueMicrotask(() => this.#give());
    else this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }

  override _final(done: () => void): void {
    this.#socket.end();
    const timer = setTimeout(() => this.destroy(), mostClosingMs);
    this.once("close", () => clearTimeout(timer));
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/**
 * Connections, of which each has one request at a time. Where there are as many as may be, the one that has been
 * without a request for the longest time is closed for a new one: who may not ask keeps nobody out.
 */
class Connections {
  readonly #most: number;
  /** All connections, with the last answer of each. */
  readonly #last = new Map<Duplex, ServerResponse | undefined>();
  /** Connections without a request that may be answered, the first of them for the longest time. */
  readonly #waiting = new Set<Duplex>();

  /** There may be so many. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Adds one, or closes it where all others are being answered. */
  add(socket: Duplex): void {
    const [oldest = socket] = this.#waiting;
    socket.on("close", () => this.#forget(socket));
    this.#last.set(socket, undefined);
    this.#waiting.add(socket);
    if (this.#last.size <= this.#most) return;
    oldest.destroy();
    this.#forget(oldest);
  }

  /** True unless a request's connection is closed, as the one before it is being answered, or nobody reads the answers. */
  isFree({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const last = this.#last.get(socket), isBusy = last !== undefined && !last.writableEnded;
    if (isBusy || socket.writableEnded || socket.writableLength > mostUnreadBytes) socket.destroy();
    this.#last.set(socket, response);
    return !socket.destroyed;
  }

  /** Keeps a connection until the answer to its request has been sent. */
  keep({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#waiting.delete(socket);
    response.on("close", () => {
      if (!socket.destroyed) this.#waiting.add(socket);
    });
  }

  /** Closes all of them. */
  closeAll(): void {
    for (const socket of this.#last.keys()) socket.destroy();
  }

  #forget(socket: Duplex): void {
    this.#last.delete(socket);
    this.#waiting.delete(socket);
  }
}

// Checks of requests.

/**
 * Throws unless a request names this machine as its one host.
 *
 * @throws {Refusal} when it does not.
 */
function assertLocal({ headersDistinct: { host: hosts = [""] } }: IncomingMessage): void {
  const [host] = hosts;
  if (hosts.length > 1) {
    throw new Refusal(400, `a request must have one Host, found ${hosts.map(quote).join(" and ")}`);
  }
  if (isLocalHost(host)) return;
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
function assertAllowed(
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
function assertReadable({ method, headers }: IncomingMessage): void {
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
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const all = await readBytes(request);
  if (request.method !== "POST") return;
  try {
    return parseUniqueJson(all);
  } catch (error) {
    throw new Refusal(400, `a request must be JSON: ${(error as Error).message}`);
  }
}

/** No page of another origin is told to read an answer; no browser takes one for something else than JSON. */
const headers = {
  "cache-control": "no-store",
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
};

// Answers and refusals.

/** The names of vLLM and OpenAI's clients for what is wrong. */
const types: Readonly<Record<number, string>> = {
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "NotFoundError",
  429: "RateLimitError",
};

/**
 * Answer to a client for errors that are not its own: their messages could name what is on the
 * disk.
 */
const broke = new Refusal(500, "the server failed to answer, and has written why where it runs");

/** Sends a value as JSON. */
function send(
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
function refuse(response: ServerResponse, error: unknown): void {
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
function eventsOn(response: ServerResponse): (value: unknown) => void {
  response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
  return (value) => {
    if (value === undefined) response.end("data: [DONE]\n\n");
    else response.write(event(value));
  };
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** Answers to connections whose bytes are no request, by the codes of node's errors. */
const broken: Readonly<Record<string, readonly [status: number, rule: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "came too slowly"],
  HPE_HEADER_OVERFLOW: [431, "has headers that are too large"],
};

/** Answers bytes that are no HTTP, or a request that does not come to its end. */
function refuseBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, rule] = broken[error.code ?? ""] ?? [400, "is no HTTP"];
  const body = JSON.stringify(errorJson(status, `a request must be HTTP, and this one ${rule}`));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
