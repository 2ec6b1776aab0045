/** The connections of a server: how many there are, and which of them make room for others. @module */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { mostUnreadBytes } from "../core/limits.ts";

/**
 * Connections, of which each has one request at a time. Where there are as many as may be, the one that has been
 * without a request for the longest time is closed for a new one: who may not ask keeps nobody out.
 */
export class Connections {
  readonly #most: number;
  /** All of them, with the last answer of each. */
  readonly #last = new Map<Duplex, ServerResponse | undefined>();
  /** Those without a request that may be answered, the first of them for the longest time. */
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
