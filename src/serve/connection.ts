/** A connection as the parser of HTTP sees it. @module */

import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { mostClosingMs, mostPassedBytes } from "../core/limits.ts";

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
