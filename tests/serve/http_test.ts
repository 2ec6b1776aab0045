/** The server's answers over HTTP, compared with `lowrank generate`; `load_nightly_test.ts` asks for many. */

import { assert, assertEquals } from "@std/assert";
import type { Engine } from "../../src/serve/engine.ts";
import {
  ask,
  assertRefused,
  type Body,
  copyAdapter,
  offlineAnswers,
  ownAdapters,
  withServing,
} from "./served.ts";

const words = [
  "oak (plant)",
  "We the people",
  "boat",
  "a",
  "the man who",
  "Fellow citizens, I",
  "x",
];

/** Requests for every adapter and the base, greedy and drawn, with prompts and answers of all lengths. */
function bodiesOf(count: number, adapters: readonly (string | null)[]): Body[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: `${words[i % words.length]}${i % 4 ? ":" : ""}`,
    adapter: adapters[i % adapters.length],
    max_tokens: 1 + (5 * i) % 17,
    ...(i % 3 === 0 ? { temperature: 0.8, top_k: 40, seed: i } : {}),
  }));
}

/** Resolves once an engine has been asked so many times. */
function whenSubmitted(engine: Engine, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>(), submit = engine.submit.bind(engine);
  let asked = 0;
  engine.submit = (work) => {
    if (++asked === count) resolve();
    return submit(work);
  };
  return promise;
}

Deno.test("20 clients at once: every answer is the offline one, while adapters come and go", () =>
  withServing({ rows: 6 }, async ({ address, folder, model, serving, complete }) => {
    const bodies = bodiesOf(20, [...ownAdapters, null]), wanted = await offlineAnswers(bodies);
    await copyAdapter(folder, "k-r8-seed1");
    const check = async (body: Body, i: number) => {
      const { choices: [{ text }], usage } = await complete(body);
      assertEquals([text, usage.completion_tokens], [wanted[i].text, wanted[i].tokens], `${i}`);
    };
    const all = () => Promise.all(bodies.map(check));
    const change = async (path: string, body: Body) =>
      assertEquals((await ask(address, path, body)).status, 200, path);
    const round = async () => {
      const accepted = whenSubmitted(serving.served.engine, bodies.length), answered = all();
      await accepted;
      await change("/v1/load_lora_adapter", { lora_name: "k-r8-seed1" });
      await change("/v1/unload_lora_adapter", { lora_name: "q-r64-seed1" });
      await change("/v1/load_lora_adapter", { lora_name: "q-r64-seed1" });
      await answered;
      await change("/v1/unload_lora_adapter", { lora_name: "k-r8-seed1" });
      await complete(bodies[0]);
    };
    await round();
    const { live } = model.device.ledger.read();
    await round();
    assertEquals(model.device.ledger.read().live, live);
  }));

Deno.test("40 requests, some of whose clients leave: the device's bytes are level", () =>
  withServing({ rows: 4 }, async ({ address, model, complete }) => {
    const bodies = bodiesOf(20, [...ownAdapters, null]);
    await complete(bodies[0]);
    const { live } = model.device.ledger.read();
    const leave = async (body: Body) => {
      const client = new AbortController();
      const init = { method: "POST", headers: { "content-type": "application/json" } };
      const answer = fetch(`${address}/v1/completions`, {
        ...{ ...init, body: JSON.stringify({ ...body, max_tokens: 50, stream: true }) },
        signal: client.signal,
      });
      const { body: events } = await answer;
      await events!.getReader().read();
      client.abort();
    };
    for (let round = 0; round < 2; round++) {
      await Promise.all([...bodies.map(complete), ...bodies.slice(0, 3).map(leave)]);
    }
    await complete(bodies[0]);
    assertEquals(model.device.ledger.read().live, live);
  }));

Deno.test("an answer has OpenAI's fields, and says how it ended", () =>
  withServing({}, async ({ complete }) => {
    const prompt = "oak (plant):", own = { adapter: "qv-r8-seed1", prompt };
    const { id, created, ...answer } = await complete({ ...own, max_tokens: 4 });
    assert(/^cmpl-[\w-]{36}$/.test(id) && Number.isInteger(created));
    assertEquals(answer, {
      object: "text_completion",
      model: "qv-r8-seed1",
      choices: [{ index: 0, text: " a small", logprobs: null, finish_reason: "length" }],
      usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
    });
    const whole = await complete(own), { choices: [{ text, finish_reason }] } = whole;
    assertEquals([text.slice(0, 5), finish_reason], [
      " a sm",
      whole.usage.total_tokens < 64 ? "stop" : "length",
    ]);
    const stopped = await complete({ ...own, stop: ["none", "mal"] });
    assertEquals(stopped.choices[0], {
      ...{ index: 0, text: text.slice(0, text.indexOf("mal")), logprobs: null },
      finish_reason: "stop",
    });
    assertEquals((await complete({ ...own, stop: text.slice(0, 1) })).choices[0].text, "");
  }));

// deno-lint-ignore no-explicit-any -- what servers answer is for the tests to say
async function partsOf(response: Response): Promise<any[]> {
  const events = (await response.text()).trimEnd().split("\n\n")
    .map((line) => line.replace("data: ", ""));
  assertEquals(events.pop(), "[DONE]");
  return events.map((event) => JSON.parse(event));
}

Deno.test("an answer in parts is the same answer", () =>
  withServing({}, async ({ address, complete }) => {
    const prompt = "Straße, naïve 😀 and",
      cases: readonly Body[] = [
        { adapter: "qv-r8-seed1", prompt: "oak (plant):" },
        { prompt, max_tokens: 30, temperature: 1.3, seed: 3 },
        { prompt, max_tokens: 30, temperature: 1.3, seed: 4, stop: ["e ", "th"] },
      ];
    for (const body of cases) {
      const { choices: [whole], usage } = await complete(body);
      const inParts = async (more: Body) =>
        await fetch(`${address}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...body, ...more, stream: true }),
        });
      const response = await inParts({});
      assertEquals(response.headers.get("content-type"), "text/event-stream");
      // A client that waits longer has to ask on another connection.
      assertEquals(response.headers.get("keep-alive"), "timeout=60");
      const parts = await partsOf(response), last = parts.at(-1);
      assert(parts.length > 2, `${parts.length} parts`);
      assertEquals(parts.map(({ choices: [{ text }] }) => text).join(""), whole.text);
      assertEquals([last.choices[0].finish_reason, last.usage], [whole.finish_reason, usage]);
      assertEquals(new Set(parts.map(({ id }) => id)).size, 1);
      const apart = await partsOf(await inParts({ stream_options: { include_usage: true } }));
      assertEquals([apart.at(-1).choices, apart.at(-1).usage], [[], usage]);
      assertEquals(apart.at(-2).choices, last.choices);
      assert(apart.slice(0, -1).every((part) => part.usage === undefined));
    }
  }));

Deno.test("the adapter may be named as the model, and the base by its own name or none", () =>
  withServing({ name: "models/tiny-gpt2" }, async ({ address, complete }) => {
    const textOf = async (body: Body) => {
      const { model, choices: [{ text }] } = await complete({ prompt: "oak (plant):", ...body });
      return { model, text };
    };
    const base = await textOf({}), own = await textOf({ adapter: "qv-r8-seed1" });
    assertEquals([base.model, own.model], ["models/tiny-gpt2", "qv-r8-seed1"]);
    assert(base.text !== own.text);
    for (const model of ["models/tiny-gpt2", "tiny-gpt2", "", null]) {
      assertEquals(await textOf({ model, adapter: null }), base);
    }
    const both = { model: "qv-r8-seed1", adapter: "qv-r8-seed1" };
    for (const body of [{ model: "qv-r8-seed1" }, both, { ...both, model: "tiny-gpt2" }]) {
      assertEquals(await textOf(body), own);
    }
    const { json: { object, data } } = await ask(address, "/v1/models");
    assertEquals([object, data.length], ["list", 4]);
    assertEquals(data.map(({ id, parent }: Body) => [id, parent]), [
      ["models/tiny-gpt2", null],
      ...ownAdapters.map((id) => [id, "models/tiny-gpt2"]),
    ]);
  }));

Deno.test("a server that ends tells those who wait", () =>
  withServing({ rows: 1 }, async ({ address, serving }) => {
    const accepted = whenSubmitted(serving.served.engine, 40);
    const body = { prompt: "boat", max_tokens: 60 };
    const asked = Array.from({ length: 40 }, () => ask(address, "/v1/completions", body));
    await accepted;
    await serving[Symbol.asyncDispose]();
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status !== 200);
    assert(refused.length > 0); // At least the last one, of which no token was made.
    for (const answer of refused) assertRefused(answer, 503, "the server is stopping");
  }));

Deno.test("clients that ask without a pause hear of the end, though it comes between two requests", () =>
  withServing({ rows: 8 }, async ({ address, serving }) => {
    const accepted = whenSubmitted(serving.served.engine, 25);
    const askOn = async (seed: number) => {
      const body = { prompt: "boat", max_tokens: 1 + seed, temperature: 1, seed };
      for (;;) {
        const answer = await ask(address, "/v1/completions", body);
        if (answer.status !== 200) return answer;
      }
    };
    const ends = Promise.all([1, 2, 3, 4, 5].map(askOn));
    await accepted;
    const closed = serving[Symbol.asyncDispose](), late = ask(address, "/v1/models");
    for (const end of [...await ends, await late]) {
      assertRefused(end, 503, "the server is stopping");
    }
    await closed;
  }));
