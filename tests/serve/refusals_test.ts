/** Requests that the server refuses: each gets a sentence, and the server lives on. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { mostRequestBytes } from "../../src/core/limits.ts";
import {
  answerOf,
  ask,
  assertRefused,
  type Body,
  copyAdapter,
  exchange,
  ownAdapters,
  type Place,
  withServing,
} from "./served.ts";

const good = { prompt: "boat", max_tokens: 2 } as const;

/** Sends a text as a request's body. */
const post = async (address: string, path: string, body: BodyInit, headers = {}) =>
  await answerOf(
    await fetch(`${address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    }),
  );

const listed = `one of GET /v1/models (${ownAdapters.join(", ")})`;

/** Bodies of completions, and what their refusals say. */
const wrong: readonly [body: unknown, status: number, sentence: string][] = [
  [{}, 400, "a request needs prompt, a text, found none"],
  [{ prompt: 5 }, 400, "prompt must be a text, found 5"],
  [{ prompt: ["a", "b"] }, 400, 'prompt must be a text, found ["a","b"]'],
  [{ prompt: "" }, 400, "a prompt must have at least one token, found none"],
  [{ prompt: "a ".repeat(64) }, 400, "a prompt must have fewer than 64 tokens, found "],
  [{ prompt: "the".repeat(80_000) }, 400, "fewer than 64 tokens, found at least 18462"],
  [{ ...good, max_tokens: 0 }, 400, "max_tokens must be a whole number of at least 1, found 0"],
  [{ ...good, max_tokens: 1e99 }, 400, "max_tokens must be a whole number of at least 1"],
  [{ ...good, max_tokens: 64 }, 400, "max_tokens must be at most 6"],
  [{ ...good, max_tokens: "8" }, 400, 'found "8"'],
  [{ ...good, temperature: -1 }, 400, "temperature must be a number of at least 0, found -1"],
  [{ ...good, temperature: true }, 400, "found true"],
  [{ ...good, top_k: 0 }, 400, "top_k must be a whole number of at least 1, found 0"],
  [{ ...good, seed: 2 ** 32 }, 400, "seed must be a whole number from 0 to 4294967295"],
  [{ ...good, stop: [""] }, 400, "stop must be a text, or up to 4 texts, none of them empty"],
  [{ ...good, stop: ["a", "b", "c", "d", "e"] }, 400, "stop must be"],
  [{ ...good, stop: { a: 1 } }, 400, "stop must be"],
  [{ ...good, stream: 1 }, 400, "stream must be true or false, found 1"],
  [{ ...good, n: 2 }, 400, "n must be 1, as nothing else is supported, found 2"],
  [{ ...good, logprobs: 3 }, 400, "logprobs must be null, as nothing else is supported, found 3"],
  [{ ...good, top_p: 0.9 }, 400, "top_p must be 1"],
  [{ ...good, echo: true }, 400, "echo must be false"],
  [{ ...good, logit_bias: { "5": 1 } }, 400, "logit_bias must be {}"],
  [{ ...good, ["x".repeat(200_000)]: 3 }, 400, "x…"],
  [{ ...good, maxTokens: 3 }, 400, '; found "maxTokens" (did you mean max_tokens?)'],
  [JSON.parse('{"prompt": "a", "__proto__": 1}'), 400, '; found "__proto__"'],
  [{ ...good, adapter: "none" }, 404, `adapter must be ${listed}, found "none"`],
  [{ ...good, adapter: "a\u0000b\u001b[2J" }, 404, 'found "a\\u0000b\\u001b[2J"'],
  [{ ...good, adapter: 7 }, 400, "adapter must be a text, found 7"],
  [{ ...good, model: "gpt-4" }, 404, `model must be ${listed}, found "gpt-4"`],
  [{ ...good, stream_options: { include_obfuscation: true } }, 400, "stream_options must be {"],
  [{ ...good, stream_options: { include_usage: 1 } }, 400, "stream_options must be {"],
  [{ ...good, user: 3 }, 400, "user must be a text, found 3"],
  [{ ...good, model: "qv-r8-seed1", adapter: "q-r64-seed1" }, 400, "or the same as adapter"],
  [[good], 400, "a request must be a JSON object, found ["],
  [null, 400, "a request must be a JSON object, found null"],
];

async function lives({ complete }: Place): Promise<void> {
  assertEquals((await complete(good)).usage.completion_tokens, 2);
}

Deno.test("wrong bodies are refused by the name of their field", () =>
  withServing({}, async (place) => {
    for (const [body, status, sentence] of wrong) {
      assertRefused(
        await post(place.address, "/v1/completions", JSON.stringify(body)),
        status,
        sentence,
      );
    }
    const nulls = { model: null, adapter: null, max_tokens: null, stop: null, stream: null };
    const defaults = { n: 1, best_of: 1, top_p: 1, echo: false, suffix: "", logprobs: null };
    await place.complete({ ...good, ...nulls, ...defaults, logit_bias: {}, presence_penalty: 0 });
    await place.complete({ ...good, user: "me", stream_options: { include_usage: true } });
    const { json: { error } } = await ask(place.address, "/v1/completions", { model: "gpt-4" });
    assertEquals(error.param, "model");
    await lives(place);
  }));

Deno.test("what is no JSON, too large, of another type or at another address is refused", () =>
  withServing({}, async (place) => {
    const { address } = place, path = "/v1/completions";
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    assertRefused(await post(address, path, "{"), 400, "a request must be JSON: ");
    assertRefused(await post(address, path, ""), 400, "a request must be JSON: ");
    const twice = '{"prompt": "a", "max_tokens": 2, "prompt": "b"}';
    assertRefused(await post(address, path, twice), 400, 'be unique, found "prompt" twice');
    assertRefused(await post(address, path, deep), 400, "nested more than 512 deep");
    assertRefused(await post(address, path, Uint8Array.of(0xff, 0xfe)), 400, "it is not UTF-8");
    const large = "x".repeat(mostRequestBytes + 1);
    const rule = `a request may have at most ${mostRequestBytes} bytes, found `;
    assertRefused(await post(address, path, large), 413, `${rule}${large.length}`);
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)),
    });
    assertRefused(await post(address, path, chunks), 413, `${rule}more`);
    for (const type of ["text/plain", "application/jsonp", "application/x-www-form-urlencoded"]) {
      const sent = post(address, path, JSON.stringify(good), { "content-type": type });
      assertRefused(await sent, 415, "must be application/json, found");
    }
    assertRefused(await ask(address, "/v1/chat/completions", good), 404, "must be one of GET /v1/");
    assertRefused(await ask(address, "/__proto__"), 404, "found GET /__proto__");
    assertRefused(await ask(address, path), 405, "takes POST /v1/completions, found GET");
    const asked = await fetch(`${address}${path}`, { method: "OPTIONS" });
    assertEquals(asked.headers.get("access-control-allow-origin"), null);
    assertRefused(await answerOf(asked), 405, "found OPTIONS");
    await lives(place);
  }));

Deno.test("what is no HTTP, and whose host is another one, is refused", () =>
  withServing({}, async (place) => {
    const say = (text: string) => exchange(place.address, text);
    const request = (host: string) => `GET /v1/models HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1:9"]) {
      assert((await say(request(`Host: ${host}\r\n`))).startsWith("HTTP/1.1 200 "), host);
    }
    const hosts = ["evil.example", "127.0.0.1.evil.example", "a b", "127.0.0.1@evil", ""];
    for (const line of ["", ...hosts.map((host) => `Host: ${host}\r\n`)]) {
      const answer = await say(request(line));
      assert(answer.startsWith("HTTP/1.1 403 "), answer);
      assert(answer.includes('{"error":{"message":"the Host of a request must be 127.0.0.1'));
    }
    for (
      const [text, status] of [
        ["\0\x01 garbage\r\n\r\n", 400],
        [`GET / HTTP/1.1\r\nX: ${"a".repeat(100_000)}\r\n\r\n`, 431],
        ["POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400],
      ] as const
    ) {
      const answer = await say(text);
      assert(answer.startsWith(`HTTP/1.1 ${status} `), answer);
      assertEquals(JSON.parse(answer.split("\r\n\r\n")[1]).error.code, status);
    }
    await lives(place);
  }));

Deno.test("requests need the token, if there is one", () =>
  withServing({ token: "s3cret" }, async ({ address }) => {
    const asked = async (headers: HeadersInit) =>
      await answerOf(await fetch(`${address}/v1/models`, { headers }));
    const wrong = [
      "",
      "Bearer",
      "s3cret",
      "Bearer s3cre",
      "Bearer s3cret2",
      "Bearer S3cret",
      "Basic s3cret",
    ];
    for (const authorization of wrong) {
      assertRefused(await asked({ authorization }), 401, "needs the header Authorization: Bearer");
    }
    assertRefused(await ask(address, "/v1/completions", good), 401);
    assertRefused(await ask(address, "/v1/none", good), 401);
    for (const scheme of ["Bearer", "bearer"]) {
      assertEquals((await asked({ authorization: `${scheme} s3cret` })).status, 200);
    }
  }));

Deno.test("adapters are loaded from the sub-folders of their folder alone", () =>
  withServing({}, async (place) => {
    const { address, folder, serving: { served: { engine } } } = place;
    const load = (lora_name: unknown, lora_path?: unknown) =>
      ask(address, "/v1/load_lora_adapter", { lora_name, lora_path });
    await Deno.mkdir(`${folder}/empty`);
    await Deno.symlink(`${folder}/qv-r8-seed1`, `${folder}/link`);
    await copyAdapter(folder, "k-r8-seed1", "broken");
    await Deno.truncate(`${folder}/broken/adapter_model.safetensors`, 1000);
    const outside = `${folder}/../${folder.split("/").at(-1)}/qv-r8-seed1`;
    for (
      const path of [
        "..",
        ".",
        outside,
        `${folder}/empty`,
        "a\\b",
        "",
        "a\0b",
        "x".repeat(256),
        "é".repeat(255),
        5,
      ]
    ) {
      assertRefused(
        await load("new", path),
        400,
        "lora_path must be the name of a folder in that of --adapters, and no path (copy or train",
      );
    }
    for (const name of ["..", "a/b", "", null]) assertRefused(await load(name, "empty"), 400);
    assertRefused(
      await load("new", "none"),
      404,
      'lora_path (or else lora_name) must be a folder among the adapters, found "none"',
    );
    assertRefused(await load("new", "link"), 400, 'itself, found a link: "link"');
    assertRefused(await load("new", "empty"), 400, "adapter_config.json");
    assertRefused(await load("new", "broken"), 400, "cannot read broken/");
    assertRefused(await load("qv-r8-seed1"), 400, 'must be free, found "qv-r8-seed1"');
    assertRefused(await load("tiny-gpt2", "k-r8-seed1"), 400, 'must be free, found "tiny-gpt2"');
    const unload = (lora_name: unknown) => ask(address, "/v1/unload_lora_adapter", { lora_name });
    assertEquals((await load("equal", "qv-r8-seed1")).status, 200); // as another name of the same
    assertEquals((await unload("equal")).status, 200);
    assertRefused(await unload("none"), 404, "GET /v1/models");
    assertRefused(await unload("tiny-gpt2"), 404);
    assertEquals(engine.adapters, ownAdapters);
    await copyAdapter(folder, "k-r8-seed1", "__proto__");
    const { status, json } = await load("__proto__");
    assertEquals([status, json.id, json.parent], [200, "__proto__", "tiny-gpt2"]);
    await place.complete({ ...good, adapter: "__proto__" });
    const gone = { id: "__proto__", object: "model", deleted: true };
    assertEquals((await unload("__proto__")).json, gone);
    assertRefused(await ask(address, "/v1/completions", { ...good, adapter: "__proto__" }), 404);
    await lives(place);
  }));

Deno.test("what is the server's own fault is told to who runs it, and not to clients", () =>
  withServing({}, async (place) => {
    const { error } = console, told: string[] = [], { served: { model } } = place.serving;
    const forward = model.forward.bind(model);
    console.error = (text: string) => void told.push(text);
    model.forward = () => {
      throw new Error("cannot read /home/me");
    };
    const answer = await ask(place.address, "/v1/completions", good);
    [console.error, model.forward] = [error, forward];
    assertRefused(answer, 500, "the server failed to answer");
    assertEquals([answer.json.error.message.includes("/home"), told], [
      false,
      ["a request failed: Error: cannot read /home/me"],
    ]);
    await lives(place);
  }));

Deno.test("without a folder of adapters none is loaded", () =>
  withServing({ adapters: undefined }, async (place) => {
    const loading = ask(place.address, "/v1/load_lora_adapter", { lora_name: "a" });
    assertRefused(await loading, 400, "a server that was started with --adapters");
    await lives(place);
  }));

Deno.test("those beyond the queue are told to come again", () =>
  withServing({ rows: 1, queue: 3 }, async (place) => {
    const bodies = Array.from({ length: 12 }, (_, seed) => ({ ...good, max_tokens: 40, seed }));
    const answers = await Promise.all(
      bodies.map((body) => ask(place.address, "/v1/completions", body)),
    );
    const refused = answers.filter(({ status }) => status !== 200);
    assert(refused.length > 0 && refused.length < 9, `${refused.length} were refused`);
    for (const answer of refused) assertRefused(answer, 429, "at most 3 requests may wait");
    await lives(place);
  }));

Deno.test("whatever JSON comes: an answer or a refusal of 4xx", () =>
  withServing({ queue: 1000 }, async (place) => {
    const names = [
      "model",
      "adapter",
      "prompt",
      "max_tokens",
      "temperature",
      "top_k",
      "seed",
      "stop",
    ];
    const known = [...names, "stream", "n", "logprobs", "lora_name", "lora_path", "extra"];
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.string({ unit: "binary" }),
      fc.constantFrom("qv-r8-seed1", "boat", "..", "\ud800", "<|endoftext|>", 1, 3, 0.5, 1e308, -0),
    );
    const body = fc.dictionary(fc.constantFrom(...known), value, { maxKeys: 5 })
      .chain((fields) => fc.constantFrom<Body>(fields, { ...good, ...fields, stream: undefined! }));
    const path = fc.constantFrom("completions", "load_lora_adapter", "unload_lora_adapter");
    const statuses = new Set<number>();
    const check = async (path: string, body: Body) => {
      const response = await fetch(`${place.address}/v1/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const { status } = response, text = await response.text();
      statuses.add(status);
      assert(status === 200 || status >= 400 && status < 500, `${status}: ${text}`);
      if (status !== 200) assertEquals(JSON.parse(text).error.code, status);
    };
    await fc.assert(fc.asyncProperty(path, body, check), { seed: 1, numRuns: 100 });
    assertEquals([...statuses].sort(), [200, 400, 404]);
    await lives({ ...place });
  }));

Deno.test("whatever bytes come: the server lives on", () =>
  withServing({}, async (place) => {
    const start = new TextEncoder().encode("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n");
    const check = async (bytes: Uint8Array, isHttp: boolean) => {
      const sent = isHttp ? Uint8Array.of(...start, ...bytes) : bytes;
      const answer = await exchange(place.address, sent);
      assert(answer === "" || /^HTTP\/1\.1 4\d\d /.test(answer), answer);
    };
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
    await fc.assert(fc.asyncProperty(bytes, fc.boolean(), check), { seed: 1, numRuns: 100 });
    await lives(place);
  }));
