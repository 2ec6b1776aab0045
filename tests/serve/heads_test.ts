/** Answers to the head of a request, before a body comes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:net";
import { createServer, type Socket } from "node:net";
import { Connection } from "../../src/serve/server.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { assertRefused, exchange, withServing } from "./served.ts";

const body = '{"prompt": "boat", "max_tokens": 2}';

/** A request, of whose body nothing is sent unless it says so. */
const request = (method: string, path: string, lines: readonly string[] = [], sent = "") =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", ...lines, "", sent].join("\r\n");

const json = "Content-Type: application/json", length = `Content-Length: ${body.length}`;

/** The status, the head and the JSON of an answer. */
function partsOf(answer: string) {
  const [head, content] = answer.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, content };
}

Deno.test("what is refused for its head is refused at once, in JSON, and its connection ends", () =>
  withServing({}, async ({ address }) => {
    const path = "/v1/completions", known = "/v1/models";
    const cases: readonly [text: string, status: number, sentence: string][] = [
      [request("GET", known, ["Host: localhost"]), 400, "must have one Host, found"],
      [request("GET", known, ["Host: evil.example"]), 400, 'found "localhost" and "evil.example"'],
      [request("GET", known).replace("localhost", "evil"), 403, "must be 127.0.0.1 or localhost"],
      [request("POST", "/v1/none", [json, length]), 404, "an address must be one of"],
      [request("PUT", path, [json, length]), 405, "the address takes POST"],
      [request("POST", path, [length]), 415, "must be application/json, found"],
      [request("POST", path, [json, length, "Content-Encoding: gzip"]), 415, 'found "gzip"'],
      [request("GET", known, ["Content-Encoding: br"]), 415, "must not be encoded"],
      [request("POST", path, [json, "Content-Length: 999999"]), 413, "found 999999"],
      [request("GET", known, ["Content-Length: 999999"]), 413, "found 999999"],
      [request("POST", path, [json, length, "Expect: boo"]), 417, 'found "boo"'],
    ];
    for (const [text, status, sentence] of cases) {
      const answer = partsOf(await deadline(exchange(address, text), 20_000, text));
      assertRefused({ status: answer.status, json: JSON.parse(answer.content) }, status, sentence);
      assertMatch(answer.head, /\r\ncontent-type: application\/json\r\n/i);
      assertMatch(answer.head, /\r\nconnection: close/i);
    }
    const plain = request("POST", path, [json, length, "Content-Encoding: identity"], body);
    assertEquals(partsOf(await exchange(address, plain)).status, 200);
  }));

Deno.test("HEAD is answered as GET is, without the content; another method is told which there are", () =>
  withServing({}, async ({ address }) => {
    const got = partsOf(
      await exchange(address, request("GET", "/v1/models", ["Connection: close"])),
    );
    const asked = partsOf(
      await exchange(address, request("HEAD", "/v1/models", ["Connection: close"])),
    );
    const withoutDate = (head: string) => head.replace(/\r\ndate: [^\r]+/i, "");
    assertEquals(withoutDate(asked.head), withoutDate(got.head));
    assertEquals([asked.status, asked.content, got.content.length > 0], [200, "", true]);
    for (
      const [method, path, allow] of [["HEAD", "/v1/completions", "POST"], [
        "PUT",
        "/v1/models",
        "GET, HEAD",
      ]]
    ) {
      const { status, head, content } = partsOf(await exchange(address, request(method, path)));
      assertEquals([status, /\r\nallow: ([^\r]+)/i.exec(head)?.[1]], [405, allow]);
      assertEquals(content === "", method === "HEAD");
    }
  }));

Deno.test("a client that waits for 100 Continue hears it, or why not, before it sends a body", () =>
  withServing({}, async ({ address }) => {
    const ask = async (lines: readonly string[]) => {
      using connection = await Deno.connect({
        hostname: "127.0.0.1",
        port: +new URL(address).port,
      });
      const text = request("POST", "/v1/completions", [...lines, "Expect: 100-continue"]);
      await connection.write(new TextEncoder().encode(text));
      const heard = new Uint8Array(2 ** 12), read = connection.read(heard);
      const bytes = await deadline(read, 20_000, "a first answer");
      const first = new TextDecoder().decode(heard.subarray(0, bytes!));
      if (!first.startsWith("HTTP/1.1 100 ")) return first;
      await connection.write(new TextEncoder().encode(body));
      const more = await deadline(connection.read(heard), 20_000, "an answer");
      return first + new TextDecoder().decode(heard.subarray(0, more!));
    };
    assertMatch(await ask([json, length]), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
    assertMatch(await ask([json, "Content-Length: 999999"]), /^HTTP\/1.1 413 /);
  }));

Deno.test("a connection on which nothing comes times out", async () => {
  const accepted = Promise.withResolvers<Socket>(), timedOut = Promise.withResolvers<void>();
  const server = createServer((socket) => accepted.resolve(socket)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number }, client = connect(port, "127.0.0.1");
  const connection = new Connection(await accepted.promise);
  connection.on("timeout", () => timedOut.resolve());
  connection.setTimeout(20);
  await deadline(timedOut.promise, 20_000, "the timeout");
  const closed = new Promise((resolve) => client.once("close", resolve).resume());
  connection.destroy();
  await closed;
  await new Promise((resolve) => server.close(resolve));
  assert(connection.destroyed);
});
