/** Clients that ask for too much at once: none of them can fill the memory or delay the end. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { mostOtherConnections } from "../../src/core/limits.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { ask, exchange, withServing } from "./served.ts";

const get = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";

const connect = (address: string) =>
  Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(address).port) });

const write = (connection: Deno.Conn, text: string) =>
  connection.write(new TextEncoder().encode(text)).catch(() => 0);

/** Number of bytes that come until the server closes a connection. */
async function bytesUntilClosed(connection: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(2 ** 16);
  let bytes = 0;
  for (;;) {
    const read = await connection.read(buffer).catch(() => null);
    if (read === null) return bytes;
    bytes += read;
  }
}

Deno.test("a connection takes one request at a time, and another while it is answered closes it", () =>
  withServing({}, async ({ address }) => {
    using connection = await connect(address);
    await write(connection, get.repeat(1000));
    assertEquals(await deadline(bytesUntilClosed(connection), 20_000, "its end"), 0);
    using patient = await connect(address);
    for (let i = 0; i < 3; i++) {
      await write(patient, get);
      assert((await patient.read(new Uint8Array(2 ** 16)))! > 0);
    }
    assertEquals((await ask(address, "/v1/models")).status, 200);
  }));

/** Few connections, each of which begins with a text. */
const few = { rows: 1, queue: 1 } as const;

async function fill(address: string, text: string): Promise<Deno.Conn[]> {
  const open: Deno.Conn[] = [];
  for (let i = 0; i < few.rows + few.queue + mostOtherConnections; i++) {
    open.push(await connect(address));
    await write(open[i], text);
  }
  return open;
}

Deno.test("connections beyond the queue are closed while others are being answered, until they leave", () =>
  withServing(few, async ({ address }) => {
    const head =
      `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`;
    const busy = await fill(address, `${head}\r\nContent-Length: 9\r\n\r\n{`);
    using late = await connect(address);
    await write(late, get);
    assertEquals(await deadline(bytesUntilClosed(late), 20_000, "its end"), 0);
    for (const connection of busy) connection.close();
    let isAnswered = false;
    while (!isAnswered) {
      isAnswered = await ask(address, "/v1/models").then(() => true, () => false);
    }
  }));

/** Asks with the token, on a connection of its own. */
const askWithToken = async (address: string) =>
  await exchange(address, get.replace("\r\n\r\n", "\r\nAuthorization: Bearer s3cret\r\n\r\n"));

for (
  const [what, text] of [
    ["silent", ""],
    ["with half a head", "GET /v1/mod"],
    ["refused and kept open", get],
    [
      "refused before a body that never comes",
      get.replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n"),
    ],
  ]
) {
  Deno.test(`strangers keep nobody out who has the token: as many connections as may be, ${what}`, () =>
    withServing({ ...few, token: "s3cret" }, async ({ address }) => {
      const open = await fill(address, text);
      for (let i = 0; i < 3; i++) {
        assert((await askWithToken(address)).startsWith("HTTP/1.1 200 OK\r\n"));
      }
      for (const connection of open) connection.close();
    }));
}

Deno.test("of connections without a request the first makes room, and the last stays", () =>
  withServing(few, async ({ address }) => {
    const open = await fill(address, get), [first] = open, last = open.at(-1)!;
    assert(await deadline(last.read(new Uint8Array(2 ** 16)), 20_000, "an answer"));
    assertEquals((await ask(address, "/v1/models")).status, 200);
    assert(await deadline(bytesUntilClosed(first), 20_000, "its end") > 0);
    await write(last, get);
    assert(await deadline(last.read(new Uint8Array(2 ** 16)), 20_000, "a second answer"));
    for (const connection of open) connection.close();
  }));

Deno.test("a request that is refused ends its connection, though its client never does", () =>
  withServing({ token: "s3cret" }, async ({ address }) => {
    using connection = await connect(address);
    await write(connection, get);
    assert(await deadline(bytesUntilClosed(connection), 20_000, "its end") > 0);
  }));

/** Sends a body of a byte in each chunk; the answer, which comes before all of it is sent. */
async function sendChunks(address: string, more: string): Promise<string> {
  using connection = await connect(address);
  const head = `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`;
  await write(connection, `${head}\r\nTransfer-Encoding: chunked\r\n${more}\r\n`);
  const sent = write(connection, "1\r\nx\r\n".repeat(2 ** 18)), answer = new Uint8Array(2 ** 12);
  const bytes = await connection.read(answer);
  await connection.closeWrite().catch(() => {});
  await sent;
  return new TextDecoder().decode(answer.subarray(0, bytes ?? 0));
}

Deno.test("bodies in chunks of one byte cost little, with the token and without", () =>
  withServing({ token: "s3cret" }, async ({ address }) => {
    const { rss } = Deno.memoryUsage(), own = "Authorization: Bearer s3cret\r\n";
    const clients = Array.from({ length: 10 }, (_, i) => sendChunks(address, i < 5 ? own : ""));
    for (const [i, answer] of (await deadline(Promise.all(clients), 20_000, "answers")).entries()) {
      assertMatch(answer, i < 5 ? /^HTTP\/1.1 413 .* 4096 parts/s : /^HTTP\/1.1 401 /);
      assertMatch(answer, /\r\nconnection: close\r\n/i);
    }
    const grown = Deno.memoryUsage().rss - rss;
    assert(grown < 2 ** 28, `${grown} bytes for 10 clients`);
  }));

Deno.test("clients that never read, send half a request or many at once do not delay the end", async () => {
  const open: Deno.Conn[] = [];
  const served = withServing({}, async ({ address }) => {
    for (const text of [get, get.repeat(500), get.slice(0, 20), "", get.slice(0, -2)]) {
      const connection = await connect(address);
      open.push(connection);
      await write(connection, text);
    }
    assertEquals((await ask(address, "/v1/models")).status, 200);
  });
  await deadline(served, 30_000, "the end");
  for (const connection of open) connection.close();
});

Deno.test("an answer says how long it is", () =>
  withServing({}, async ({ address }) => {
    const response = await fetch(`${address}/v1/models`), { byteLength } = await response.bytes();
    assertEquals(response.headers.get("content-length"), `${byteLength}`);
  }));
