/** The server: requests in, answers out, over HTTP on this machine. @module */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { mostArrivalMs, mostClosingMs, mostUnreadBytes, refusingMs } from "../core/limits.ts";
import { oneLine } from "../core/quote.ts";
import { assertAllowed, assertLocal, bodyOf, letPass } from "./http_request.ts";
import { eventsOn, refuse, refuseBroken, send } from "./http_response.ts";
import { Refusal } from "./refusal.ts";

/** What answers the requests of one address: with a value for JSON, or by itself. */
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

/** How a server listens. */
export interface ListenOptions {
  /** 0 for one that is free. */
  readonly port: number;
  /** What requests have to bring; anybody on this machine may ask if there is none. */
  readonly token?: string;
  /** Most connections; others are closed at once. */
  readonly connections: number;
}

/** A server on 127.0.0.1. */
export class LocalServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #routes: Routes;
  readonly #token: string | undefined;
  /** What is being answered. */
  readonly #open = new Map<ServerResponse, IncomingMessage>();
  /** All connections, with the last answer of each. */
  readonly #sockets = new Map<Socket, ServerResponse | undefined>();
  #isClosing = false;

  private constructor(routes: Routes, { token, connections }: ListenOptions) {
    this.#routes = routes;
    this.#token = token;
    this.#server = createServer(
      // Our own check of the host says so in JSON.
      { requireHostHeader: false, headersTimeout: mostArrivalMs, requestTimeout: mostArrivalMs },
      (request, response) => this.#receive(request, response),
    );
    this.#server.maxConnections = connections;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.set(socket, undefined);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("clientError", refuseBroken);
    // Clients close what they no longer use: closed by us, a request that is just arriving would be lost.
    this.#server.keepAliveTimeout = 0;
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

  /** Where it listens: `http://127.0.0.1:8000`. */
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
    for (const socket of this.#sockets.keys()) socket.destroy();
    await within(mostClosingMs, closed.promise);
  }

  /** Answers one request of a connection at a time: who sends more, or does not read, would fill the memory. */
  #receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request, last = this.#sockets.get(socket);
    const isBusy = last !== undefined && !last.writableEnded;
    if (isBusy || socket.writableLength > mostUnreadBytes) socket.destroy();
    if (socket.destroyed) return;
    this.#sockets.set(socket, response);
    void this.#respond(request, response);
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const client = new AbortController();
    letPass(request);
    this.#open.set(response, request);
    response.on("close", () => {
      this.#open.delete(response);
      client.abort();
    });
    response.on("error", () => {}); // It is closed then.
    try {
      assertLocal(request);
      assertAllowed(request, this.#token);
      const route = this.#routeOf(request);
      const body = request.method === "POST" ? await bodyOf(request) : undefined;
      // Not before its body has come: a connection that is closed while a client sends has no answer for it.
      if (this.#isClosing) throw new Refusal(503, "the server is stopping");
      const beginEvents = () => eventsOn(response);
      const value = await route({ body, signal: client.signal, beginEvents });
      if (!response.headersSent) send(response, 200, value);
    } catch (error) {
      refuse(response, error);
    }
  }

  #routeOf({ method, url = "" }: IncomingMessage): Route {
    const path = url.split("?")[0], own = Object.keys(this.#routes);
    const key = `${method} ${path}`;
    if (Object.hasOwn(this.#routes, key)) return this.#routes[key];
    const other = own.find((known) => known.endsWith(` ${path}`));
    if (other === undefined) {
      throw new Refusal(404, `an address must be one of ${own.join(", ")}, found ${oneLine(key)}`);
    }
    throw new Refusal(405, `the address takes ${other}, found ${oneLine(key)}`);
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
