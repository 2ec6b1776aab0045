/** Clients that ask for too much at once: none of them can fill the memory or delay the end. */

import { assert, assertEquals } from "@std/assert";
import { mostOtherConnections } from "../../src/core/limits.ts";
import { deadline } from "../support/deadline.ts";
import { ask, withServing } from "./served.ts";

const get = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";

const connect = (address: string) =>
  Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(address).port) });

const write = (connection: Deno.Conn, text: string) =>
  connection.write(new TextEncoder().encode(text)).catch(() => 0);

/** How many bytes come until the server closes a connection. */
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

Deno.test("connections beyond the queue are closed, until others leave", () =>
  withServing({ rows: 1, queue: 1 }, async ({ address }) => {
    const silent: Deno.Conn[] = [];
    for (let i = 0; i < mostOtherConnections + 2; i++) silent.push(await connect(address));
    using late = await connect(address);
    await write(late, get);
    assertEquals(await deadline(bytesUntilClosed(late), 20_000, "its end"), 0);
    for (const connection of silent) connection.close();
    let isAnswered = false;
    while (!isAnswered) {
      isAnswered = await ask(address, "/v1/models").then(() => true, () => false);
    }
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
