/** Servers that want to be asked for ever: the number of requests, bytes and seconds is bounded. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { mostIndexBytes, mostShards } from "../../src/core/limits.ts";
import { readRemoteHeaders } from "../../src/formats/mod.ts";
import { readHeadersWithin } from "../../src/formats/safetensors/remote.ts";
import {
  type Answer,
  honest,
  type ServedFile,
  sparseFile,
  textFile,
  type Traffic,
  withServer,
} from "../support/range_server.ts";

const small = sparseFile({ a: [4] });

/** An index of tensors `t0`, `t1`, … in the shard that each is given. */
function indexOf(count: number, shardOf: (i: number) => string): ServedFile {
  const places = Array.from({ length: count }, (_, i) => [`t${i}`, `${shardOf(i)}.safetensors`]);
  return textFile(JSON.stringify({ weight_map: Object.fromEntries(places) }));
}

/** Serves an index and expects a sentence about it or about one of its files. */
async function refuses(
  files: Record<string, ServedFile>,
  sentence: string,
  { answer = honest, ms = 60_000 }: { answer?: Answer; ms?: number } = {},
): Promise<Traffic> {
  let sent: Traffic | undefined;
  await withServer(files, async (address, traffic) => {
    const error = await assertRejects(() => readHeadersWithin(ms, `${address}/i.json`), Error);
    assertEquals(error.message.replaceAll(address, ""), `cannot read ${sentence}`);
    sent = traffic;
  }, answer);
  return sent!;
}

Deno.test("an index of too many shards is refused before one of them is asked for", async () => {
  const index = indexOf(100_000, (i) => `s${i}`);
  const sentence = `/i.json: it may have at most ${mostShards} shards, found 100000`;
  const { requests } = await refuses({ "/i.json": index }, sentence);
  assertEquals(requests.length, 1);
});

Deno.test("a shard that holds many tensors is asked for once", () =>
  withServer(
    {
      "/i.json": indexOf(5000, () => "one"),
      "/one.safetensors": sparseFile(
        Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`t${i}`, [4]])),
      ),
    },
    async (address, { requests }) => {
      const { tensors } = await readRemoteHeaders(`${address}/i.json`);
      assertEquals([tensors.size, requests.length], [5000, 3]);
    },
  ));

/** Timers of a server that still run after the client has left; a test ends after them. */
const waits = new Set<Promise<void>>();

function wait(ms: number): Promise<void> {
  const done = new Promise<void>((resolve) => setTimeout(resolve, ms));
  waits.add(done);
  return done.finally(() => waits.delete(done));
}

/** A body that never ends: its chunk again and again. */
const endless = (chunk: Uint8Array<ArrayBuffer>, ms?: number) =>
  new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (ms) await wait(ms);
      controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });

Deno.test("an index that never ends is read up to a limit", async () => {
  const answer = () => new Response(endless(new Uint8Array(2 ** 20).fill(0x20)));
  const sentence = `/i.json: the server must send at most ${mostIndexBytes} bytes, sent more`;
  const { bytes } = await refuses({ "/i.json": small }, sentence, { answer });
  assert(bytes < mostIndexBytes + 16e6, `${bytes} bytes were sent`);
});

Deno.test("a server that answers each request in time but never comes to an end is left", async () => {
  const answer: Answer = (file, range) =>
    range === null ? honest(file, range) : new Response(endless(Uint8Array.of(1), 50), {
      status: 206,
      headers: { "content-range": `bytes 0-7/${file.size}` },
    });
  const files = { "/i.json": indexOf(50, (i) => `s${i}`), "/s0.safetensors": small };
  const sentence = "/s0.safetensors: the server must send all answers together within 0.2 s";
  const start = performance.now();
  await refuses(files, sentence, { answer, ms: 200 });
  await Promise.all(waits);
  assert(performance.now() - start < 5000);
});

Deno.test("shard after shard, each in time, end with the time of all of them", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `s${i}`);
  const files = names.map((name, i) => [`/${name}.safetensors`, sparseFile({ [`t${i}`]: [4] })]);
  const answer: Answer = (file, range) => {
    const { body, status, headers } = honest(file, range);
    if (range === null) return new Response(body, { status, headers });
    const slow = new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        await wait(20);
        controller.enqueue(chunk);
      },
    });
    return new Response(body!.pipeThrough(slow), { status, headers });
  };
  await withServer(
    { "/i.json": indexOf(500, (i) => names[i]), ...Object.fromEntries(files) },
    async (address, { requests }) => {
      const error = await assertRejects(() => readHeadersWithin(300, `${address}/i.json`), Error);
      assert(error.message.endsWith("must send all answers together within 0.3 s"), error.message);
      assert(requests.length < 40, `${requests.length} requests`);
    },
    answer,
  );
  await Promise.all(waits);
});

Deno.test("a file that changes its size between two requests is refused", async () => {
  const answer: Answer = (file, range) => {
    const { body, status, headers } = honest(file, range);
    const place = headers.get("content-range")?.replace(/\d+$/, `${file.size + 1}`);
    if (place && !place.startsWith("bytes 0-")) headers.set("content-range", place);
    return new Response(body, { status, headers });
  };
  const files = { "/i.json": indexOf(1, () => "s"), "/s.safetensors": small };
  const sizes = `found ${small.size} and then ${small.size + 1} bytes`;
  await refuses(files, `/s.safetensors: the file must keep its size, ${sizes}`, { answer });
});

Deno.test("redirections that lead nowhere end", () =>
  withServer({ "/i.json": small }, async (address, { requests }) => {
    await assertRejects(
      () => readRemoteHeaders(`${address}/i.json`),
      Error,
      `cannot read ${address}/i.json: `,
    );
    assert(requests.length <= 25, `${requests.length} requests`);
  }, () => new Response(null, { status: 302, headers: { location: "/i.json" } })));
