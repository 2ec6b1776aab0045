/** The server: requests in, answers out, over HTTP on this machine. @module */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { mostArrivalMs, mostClosingMs, mostIdleMs, refusingMs } from "../core/limits.ts";
import { oneLine } from "../core/quote.ts";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";
import { assertAllowed, assertLocal, assertReadable, bodyOf } from "./http_request.ts";
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
  /** Most connections; those without a request make room for others, which are closed at once where there is none. */
  readonly connections: number;
}

/** A server on 127.0.0.1. */
export class LocalServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #routes: Routes;
  readonly #token: string | undefined;
  /** What is being answered. */
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
