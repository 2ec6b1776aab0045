/**
 * A server under load: `deno task test:load [REQUESTS] [CLIENTS]` asks it so often, compares every answer with that of
 * `lowrank generate`, and prints what the server's memory does meanwhile; `deno task test:load speed` prints how many
 * requests a second it answers to 1, 8 and 32 clients; `deno task test:load strangers` prints what hostile clients
 * cost it. Exits with 1 where an answer is another one, memory grows beyond the rules of decision 0040, or a client
 * with the token is kept out.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import { loadModel } from "../src/models/mod.ts";
import { Serving } from "../src/serve/mod.ts";
import { loadTokenizer } from "../src/tokenizer/mod.ts";
import {
  ask,
  assertRefused,
  base,
  type Body,
  copyAdapter,
  offlineAnswers,
} from "../tests/serve/served.ts";
import { checkStrangers } from "./serve_strangers.ts";

const adapters = ["q-r1-seed1", "q-r64-seed1", "qkvo-r2-seed1", "qv-r8-seed1"],
  coming = "k-r8-seed1";
const words = ["oak (plant):", "We the people", "boat:", "a", "the man who", "Fellow citizens, I"];

/** What is asked: all adapters and the base, greedy and drawn, short and long. */
const bodies: readonly Body[] = Array.from({ length: 72 }, (_, i) => ({
  prompt: words[i % words.length],
  adapter: [...adapters, null, coming][(i + Math.floor(i / 6)) % 6],
  max_tokens: 1 + (7 * i) % 24,
  ...(i % 3 === 0 ? { temperature: 0.8, seed: i } : {}),
}));

/** How often the adapter that comes and goes was there for a request, and how often it was not. */
const ofComing = { answered: 0, absent: 0 };

/** Bytes of the server's process at rest. */
interface Reading {
  readonly ledger: number;
  readonly heap: number;
  readonly resident: number;
}

/** The server's process: an address, and for each line that it is sent a reading. */
async function serve(folder: string): Promise<void> {
  const tokenizer = await loadTokenizer(base);
  using device = await openCpuDevice();
  using model = await loadModel(device, base);
  const own = { name: "tiny-gpt2", port: 0, adapters: folder, queue: 1024 };
  await using serving = await Serving.start(model, tokenizer, own);
  console.log(serving.address);
  for await (const _ of Deno.stdin.readable) {
    (globalThis as unknown as { gc(): void }).gc();
    const { heapUsed: heap, rss: resident } = Deno.memoryUsage();
    console.log(JSON.stringify({ ledger: device.ledger.read().live, heap, resident }));
  }
}

/** A server in a process of its own. */
async function withServer(
  use: (address: string, read: () => Promise<Reading>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  for (const name of [...adapters, coming]) await copyAdapter(folder, name);
  const flags = ["run", "-A", "--no-check", "--v8-flags=--expose-gc"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...flags, fileURLToPath(import.meta.url), "server", folder],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = async () => (await lines.read()).value!.trim(), writer = child.stdin.getWriter();
  const address = await line();
  await use(address, async () => {
    await ask(address, "/v1/completions", bodies[0]);
    await writer.write(new Uint8Array(1));
    return JSON.parse(await line());
  });
  await writer.close();
  await child.status;
  await Deno.remove(folder, { recursive: true });
}

/** Asks for bodies `begin` to `end`, over and over, by so many clients at once; returns how many answers were wrong. */
async function load(
  address: string,
  [begin, end]: readonly [number, number],
  clients: number,
  wanted: readonly { text: string }[] = [],
): Promise<number> {
  let next = begin, wrong = 0;
  const client = async () => {
    while (next < end) {
      const i = next++ % bodies.length;
      const { status, json } = await ask(address, "/v1/completions", bodies[i]);
      const text = json.choices?.[0].text;
      const isComing = bodies[i].adapter === coming;
      if (isComing && status === 404) {
        ofComing.absent++;
        continue;
      }
      if (isComing) ofComing.answered++;
      if (status === 200 && (wanted.length === 0 || text === wanted[i].text)) continue;
      wrong++;
      console.error(`request ${i}: ${status}, ${JSON.stringify(json)}, not ${wanted[i]?.text}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return wrong;
}

/** Takes an adapter away and brings it back, while requests run, until a signal comes. */
async function comeAndGo(address: string, signal: AbortSignal): Promise<number> {
  for (let changes = 0;; changes++) {
    if (signal.aborted && changes % 2 === 0) return changes;
    const path = changes % 2 === 0 ? "unload_lora_adapter" : "load_lora_adapter";
    const { status, json } = await ask(address, `/v1/${path}`, { lora_name: coming });
    if (status !== 200) throw new Error(JSON.stringify(json));
    await new Promise((resolve) => setTimeout(resolve, 50)); // Requests find it there, and absent.
    assertRefused(await ask(address, "/v1/completions", { prompt: "a", adapter: "none" }), 404);
    assertRefused(await ask(address, "/v1/completions", { prompt: "a".repeat(2 ** 18) }), 413);
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

/** The rules of decision 0040, between a fifth of all requests and their end. */
function grows(from: Reading, to: Reading): boolean {
  return to.ledger !== from.ledger || to.heap - from.heap > 2 ** 20 ||
    to.resident - from.resident > 2 ** 24;
}

async function checkMemory(requests: number, clients: number): Promise<boolean> {
  const wanted = await offlineAnswers(bodies), parts = 10, readings: Reading[] = [];
  let wrong = 0, changes = 0;
  await withServer(async (address, read) => {
    console.log("requests | ledger, bytes | heap, MiB | resident, MiB");
    for (let part = 0; part <= parts; part++) {
      const end = Math.round(part * requests / parts), done = new AbortController();
      const changing = part > 0 ? comeAndGo(address, done.signal) : 0;
      const begin = Math.round(Math.max(0, part - 1) * requests / parts);
      wrong += await load(address, [begin, end], clients, wanted);
      done.abort();
      changes += await changing;
      const reading = await read();
      readings.push(reading);
      const { ledger, heap, resident } = reading;
      console.log(`${end} | ${ledger} | ${mebibytes(heap)} | ${mebibytes(resident)}`);
    }
  });
  const isLevel = !grows(readings[parts / 5], readings[parts]);
  console.log(
    `${requests} requests of ${clients} clients: ${wrong} wrong, ${changes} loads and unloads`,
  );
  console.log(`of ${coming}: ${ofComing.answered} answers, ${ofComing.absent} times 404`);
  console.log(isLevel ? "memory is level" : "memory grows");
  return wrong === 0 && isLevel;
}

async function checkSpeed(rounds: number): Promise<boolean> {
  const counts = [1, 8, 32], best = new Map(counts.map((clients) => [clients, Infinity]));
  const requests = 2 * bodies.length;
  let wrong = 0;
  await withServer(async (address) => {
    for (let round = 0; round < rounds; round++) {
      for (const clients of counts.map((_, i) => counts[(i + round) % counts.length])) {
        const started = performance.now();
        wrong += await load(address, [0, requests], clients);
        best.set(clients, Math.min(best.get(clients)!, performance.now() - started));
      }
    }
  });
  for (const [clients, ms] of best) {
    const rate = (1000 * requests / ms).toFixed(1), ratio = (best.get(1)! / ms).toFixed(2);
    console.log(`${clients} clients: ${rate} requests/s, ${ratio} times those of 1`);
  }
  return wrong === 0;
}

const [first = "40000", second = "64"] = Deno.args;
if (first === "server") await serve(second);
else if (first === "speed") Deno.exit(await checkSpeed(7) ? 0 : 1);
else if (first === "strangers") Deno.exit(await checkStrangers() ? 0 : 1);
else Deno.exit(await checkMemory(Number(first), Number(second)) ? 0 : 1);
