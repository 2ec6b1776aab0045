/**
 * A ZeroMQ client socket in the little that a Jupyter kernel needs: ZMTP 3.0 over TCP, without
 * security (https://rfc.zeromq.org/spec/23/).
 *
 * @module
 */

const encoder = new TextEncoder();

/** Flags of a frame. */
const more = 1, long = 2, command = 4;

/** First bytes of both sides: signature, version 3.0, mechanism NULL, not a server. */
function greeting(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(64);
  bytes[0] = 0xff, bytes[9] = 0x7f, bytes[10] = 3;
  bytes.set(encoder.encode("NULL"), 12);
  return bytes;
}

/** The command that ends the handshake. */
function ready(socketType: string): Uint8Array {
  const name = encoder.encode("Socket-Type"), value = encoder.encode(socketType);
  return concat([
    Uint8Array.of(5),
    encoder.encode("READY"),
    Uint8Array.of(name.length),
    name,
    Uint8Array.of(0, 0, 0, value.length),
    value,
  ]);
}

function frame(flags: number, body: Uint8Array): Uint8Array {
  if (body.length < 256) return concat([Uint8Array.of(flags, body.length), body]);
  const head = new Uint8Array(9);
  head[0] = flags | long;
  new DataView(head.buffer).setBigUint64(1, BigInt(body.length));
  return concat([head, body]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) all.set(part, offset), offset += part.length;
  return all;
}

/** One connection to one peer. */
export class ZmtpSocket implements Disposable {
  readonly #connection: Deno.TcpConn;
  #writing: Promise<void> = Promise.resolve();

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects and shakes hands; rejects where nobody listens. */
  static async connect(socketType: "DEALER" | "SUB", port: number): Promise<ZmtpSocket> {
    const socket = new ZmtpSocket(await Deno.connect({ hostname: "127.0.0.1", port }));
    try {
      await socket.#write(concat([greeting(), frame(command, ready(socketType))]));
      const [signature] = await socket.#read(64);
      if (signature !== 0xff) throw new Error(`port ${port} does not speak ZMTP`);
      await socket.#readFrame();
      // An empty topic: everything.
      if (socketType === "SUB") await socket.send([Uint8Array.of(1)]);
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends the frames as one message. */
  send(frames: readonly Uint8Array[]): Promise<void> {
    return this.#write(concat(
      frames.map((body, index) => frame(index < frames.length - 1 ? more : 0, body)),
    ));
  }

  /** Every message that comes, until the peer or this side closes. */
  async *messages(): AsyncGenerator<Uint8Array[]> {
    let frames: Uint8Array[] = [];
    try {
      while (true) {
        const { flags, body } = await this.#readFrame();
        if (flags & command) continue;
        frames.push(body);
        if (flags & more) continue;
        yield frames;
        frames = [];
      }
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
  }

  /** Closes the connection, which ends `messages`. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
  }

  async #readFrame(): Promise<{ flags: number; body: Uint8Array }> {
    const [flags] = await this.#read(1);
    const size = await this.#read(flags & long ? 8 : 1);
    const length = flags & long ? Number(new DataView(size.buffer).getBigUint64(0)) : size[0];
    return { flags, body: await this.#read(length) };
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length;) {
      const read = await this.#connection.read(bytes.subarray(offset));
      if (read === null) throw new Deno.errors.UnexpectedEof("the peer closed the connection");
      offset += read;
    }
    return bytes;
  }

  /** One write after the other, so that messages do not mix. */
  #write(bytes: Uint8Array): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    });
  }
}

const closed = [
  Deno.errors.BadResource,
  Deno.errors.Interrupted,
  Deno.errors.UnexpectedEof,
  Deno.errors.ConnectionReset,
  Deno.errors.BrokenPipe,
];

function isClosed(error: unknown): boolean {
  return closed.some((kind) => error instanceof kind);
}
