import { assertEquals, assertRejects } from "@std/assert";
import { readRemoteHeaders } from "../../src/formats/mod.ts";
import {
  type Answer,
  honest,
  type ServedFile,
  sparseFile,
  textFile,
  whole,
  withServer,
} from "../support/range_server.ts";

/** 2 GB and 4 GB of which only the headers exist. */
const first = sparseFile({ "a.weight": [32768, 32768], "a.bias": [32768] });
const second = sparseFile({ "b.weight": [65536, 32768] });
const index = textFile(JSON.stringify({
  weight_map: {
    "a.weight": "1.safetensors",
    "b.weight": "2.safetensors",
    "a.bias": "1.safetensors",
  },
}));
const shards = {
  "/m/model.safetensors.index.json": index,
  "/m/1.safetensors": first,
  "/m/2.safetensors": second,
};

Deno.test("of a file the header's length is read, then the header, and not a byte more", () =>
  withServer({ "/one.safetensors": first }, async (address, traffic) => {
    const { tensors, fileBytes, bytesRead } = await readRemoteHeaders(`${address}/one.safetensors`);
    assertEquals(tensors.get("a.weight")?.shape, [32768, 32768]);
    assertEquals([fileBytes, bytesRead], [first.size, first.start.length]);
    assertEquals(traffic.bytes, first.start.length);
    assertEquals(traffic.requests, [
      "bytes=0-7 /one.safetensors",
      `bytes=8-${first.start.length - 1} /one.safetensors`,
    ]);
  }));

Deno.test("of shards the index and all headers are read, by the index or by the folder", () =>
  withServer(shards, async (address, traffic) => {
    const expected = index.size + first.start.length + second.start.length;
    for (const path of ["/m/model.safetensors.index.json", "/m/", "/m"]) {
      traffic.bytes = 0;
      const { tensors, fileBytes, bytesRead } = await readRemoteHeaders(address + path);
      assertEquals([...tensors.keys()].sort(), ["a.bias", "a.weight", "b.weight"]);
      assertEquals([fileBytes, bytesRead], [first.size + second.size, expected]);
      assertEquals(traffic.bytes, expected);
    }
  }));

Deno.test("what follows a question mark goes along to the shards", () =>
  withServer(shards, async (address, traffic) => {
    await readRemoteHeaders(`${address}/m/model.safetensors.index.json?token=1`);
    assertEquals(traffic.requests.filter((request) => !request.endsWith("?token=1")), []);
  }));

/** Expects a sentence, and that the server was not made to send more than a little. */
async function refuses(file: ServedFile, answer: Answer, sentence: string): Promise<void> {
  await withServer({ "/x.safetensors": file }, async (address, traffic) => {
    const error = await assertRejects(() => readRemoteHeaders(`${address}/x.safetensors`), Error);
    assertEquals(error.message, `cannot read ${address}/x.safetensors: ${sentence}`);
    // Chunks that lie in the network's buffers when the answer is dropped count as sent.
    assertEquals(traffic.bytes < 4e6, true, `${traffic.bytes} bytes were sent`);
  }, answer);
}

const unusable = "the server's answer cannot be used";

Deno.test("a server that ignores ranges is left before it sends the file", () =>
  refuses(
    first,
    whole,
    `${unusable}: it must answer range requests, and ignored one; the file was not downloaded`,
  ));

Deno.test("a server that says it sends a range and sends the file is left too", () =>
  refuses(first, (file, range) => {
    const { headers } = honest(file, range);
    return new Response(whole(file).body, { status: 206, headers });
  }, "the server must send at most 8 bytes, sent more"));

Deno.test("a range must be the one that was asked for, whole and with the file's size", async () => {
  const with206 = (range: string, bytes = 8): Answer => () =>
    new Response(new Uint8Array(bytes), { status: 206, headers: { "content-range": range } });
  const rule = `${unusable}: it must state range and size in Content-Range, found`;
  await refuses(first, with206("bytes 0-7/*"), `${rule} bytes 0-7/*`);
  await refuses(first, () => new Response(null, { status: 206 }), `${rule} none`);
  await refuses(first, with206("bytes 5-12/99"), `${unusable}: it must send byte 0 first, sent 5`);
  await refuses(first, with206("bytes 0-7/99", 3), "the server must send 8 bytes, sent 3");
  for (const range of ["0-7/0", `0-7/${"9".repeat(400)}`, `${"9".repeat(400)}-7/8`, "0-7/1e3"]) {
    const start = `bytes ${range}`.slice(0, 119);
    await refuses(
      first,
      with206(`bytes ${range}`),
      `${rule} ${start}${range.length > 99 ? "…" : ""}`,
    );
  }
  const status = () => new Response(null, { status: 503 });
  await refuses(first, status, "the server is not available (503 Service Unavailable)");
});

Deno.test("a header with a wrong length is not fetched", async () => {
  const lying = (length: bigint) => {
    const start = first.start.slice();
    new DataView(start.buffer).setBigUint64(0, length, true);
    return { start, size: first.size };
  };
  const rule = "not a safetensors file: the header";
  const all = `${rule} must end within the file's ${first.size} bytes, found a length of`;
  await refuses(lying(2n ** 63n), honest, `${all} ${2n ** 63n}`);
  await refuses(lying(BigInt(first.size)), honest, `${all} ${first.size}`);
  await refuses(
    lying(10n ** 9n),
    honest,
    `${rule} may have at most 100000000 bytes, found 1000000000`,
  );
  await refuses(lying(0n), honest, `${rule} must be JSON (Unexpected end of JSON input)`);
  await refuses(
    textFile("hello"),
    honest,
    "not a safetensors file: it must have at least 8 bytes, found 5",
  );
});

Deno.test("an index must name files beside it that hold what it says", async () => {
  const fails = (map: unknown, sentence: string) =>
    withServer(
      { ...shards, "/m/model.safetensors.index.json": textFile(JSON.stringify(map)) },
      async (address) => {
        const error = await assertRejects(() => readRemoteHeaders(`${address}/m/`), Error);
        assertEquals(error.message.replaceAll(address, ""), `cannot read /m/${sentence}`);
      },
    );
  const file = "model.safetensors.index.json:";
  for (const map of [{}, { weight_map: {} }, { weight_map: [] }, { weight_map: null }]) {
    await fails(map, `${file} it must have a weight_map of names to files`);
  }
  await fails(
    { weight_map: { a: "../1.safetensors" } },
    `${file} a shard must be a safetensors file next to the index, found "../1.safetensors"`,
  );
  await fails({ weight_map: { c: "1.safetensors" } }, `${file} 1.safetensors must hold "c"`);
  await fails(
    { weight_map: { c: "3.safetensors" } },
    "3.safetensors: the server has no such file (404 Not Found)",
  );
});

Deno.test("a shard's name is a file beside the index, whatever else it could be read as", async () => {
  const names = ["https:evil.safetensors", "%2e%2e%2fa.safetensors", "a?b#c.safetensors"];
  for (const name of names) {
    const index = textFile(JSON.stringify({ weight_map: { "a.weight": name } }));
    const path = `/m/${encodeURIComponent(name)}`;
    const files = { "/m/model.safetensors.index.json": index, [path]: first };
    await withServer(files, async (address, traffic) => {
      const { tensors } = await readRemoteHeaders(`${address}/m`);
      assertEquals([...tensors.keys()], ["a.weight"]);
      assertEquals(traffic.requests.at(-1)?.split(" ")[1], path);
    });
  }
});

Deno.test("a packed answer is refused: its bytes are not the file's", () =>
  refuses(first, (file, range) => {
    const { headers, body } = honest(file, range);
    headers.set("content-encoding", "gzip");
    return new Response(body, { status: 206, headers });
  }, `${unusable}: it must send the file as it is, and packed it by gzip`));

Deno.test("a redirection is followed", () =>
  withServer({ "/x.safetensors": first }, async (address, traffic) => {
    const elsewhere = Deno.serve(
      { port: 0, onListen: () => {} },
      () => Response.redirect(`${address}/x.safetensors`),
    );
    const from = `http://localhost:${elsewhere.addr.port}/x.safetensors`;
    const { bytesRead } = await readRemoteHeaders(from);
    await elsewhere.shutdown();
    assertEquals([bytesRead, traffic.bytes], [first.start.length, first.start.length]);
  }));

Deno.test("a connection that ends in the middle of an answer is told with the address", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `http://127.0.0.1:${listener.addr.port}/x.safetensors`;
  const refused = assertRejects(
    () => readRemoteHeaders(address),
    Error,
    `cannot read ${address}: error reading a body`,
  );
  using connection = await listener.accept();
  await connection.read(new Uint8Array(1024));
  const head =
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-7/99\r\nContent-Length: 8\r\n\r\n";
  await connection.write(new TextEncoder().encode(`${head}abc`));
  connection.close();
  await refused;
});

Deno.test("an address must be one, and somebody must answer", async () => {
  for (const address of ["model.safetensors", "file:///etc/hosts", "ftp://a/b"]) {
    await assertRejects(
      () => readRemoteHeaders(address),
      SyntaxError,
      `an address must begin with https:// or http://, found ${address}`,
    );
  }
  let closed = "";
  await withServer({}, (address) => Promise.resolve(void (closed = address)));
  await assertRejects(
    () => readRemoteHeaders(`${closed}/a.safetensors`),
    Error,
    `cannot read ${closed}/a.safetensors: the server does not accept connections`,
  );
  // A name that no server may ever have (RFC 6761).
  await assertRejects(
    () => readRemoteHeaders("http://lowrank.invalid/a.safetensors"),
    Error,
    "a.safetensors: no server of that name was found",
  );
});
