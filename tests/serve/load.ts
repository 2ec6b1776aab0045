/** A server under load, in a process of its own, which is this program: `load.ts FOLDER`. @module */

import { fileURLToPath } from "node:url";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { loadModel } from "../../src/models/mod.ts";
import { Serving } from "../../src/serve/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { ask, assertRefused, base, type Body, copyAdapter } from "./served.ts";

const adapters = ["q-r1-seed1", "q-r64-seed1", "qkvo-r2-seed1", "qv-r8-seed1"],
  coming = "k-r8-seed1";
const words = ["oak (plant):", "We the people", "boat:", "a", "the man who", "Fellow citizens, I"];

/** The requests: all adapters and the base, greedy and drawn, short and long. */
export const bodies: readonly Body[] = Array.from({ length: 72 }, (_, i) => ({
  prompt: words[i % words.length],
  adapter: [...adapters, null, coming][(i + Math.floor(i / 6)) % 6],
  max_tokens: 1 + (7 * i) % 24,
  ...(i % 3 === 0 ? { temperature: 0.8, seed: i } : {}),
}));

/** Bytes of the server's process at rest. */
export interface Reading {
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

/** Calls `use` with a server, and what reads its bytes at rest. */
export async function withServer(
  use: (address: string, read: () => Promise<Reading>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  for (const name of [...adapters, coming]) await copyAdapter(folder, name);
  const flags = ["run", "-A", "--no-check", "--v8-flags=--expose-gc"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...flags, fileURLToPath(import.meta.url), folder],
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

/** Outcomes of requests, those for the adapter that comes and goes by themselves. */
export interface Outcome {
  readonly wrong: readonly string[];
  readonly answered: number;
  readonly absent: number;
}

/**
 * Asks for bodies `begin` to `end`, over and over, by so many clients at once.
 *
 * @param wanted The answers; any will do if absent.
 */
export async function load(
  address: string,
  [begin, end]: readonly [number, number],
  clients: number,
  wanted?: readonly { readonly text: string }[],
): Promise<Outcome> {
  const wrong: string[] = [];
  let next = begin, answered = 0, absent = 0;
  const client = async () => {
    while (next < end) {
      const i = next++ % bodies.length, isComing = bodies[i].adapter === coming;
      const { status, json } = await ask(address, "/v1/completions", bodies[i]);
      if (isComing && status === 404) absent++;
      else if (isComing) answered++;
      const isRight = status === 200 &&
        json.choices[0].text === (wanted?.[i].text ?? json.choices[0].text);
      if (isRight || isComing && status === 404) continue;
      wrong.push(`request ${i}: ${status}, ${JSON.stringify(json)}, not ${wanted?.[i].text}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { wrong, answered, absent };
}

/** Takes an adapter away and brings it back, while requests run, until a signal comes; returns how often. */
export async function comeAndGo(address: string, signal: AbortSignal): Promise<number> {
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

if (import.meta.main) await serve(Deno.args[0]);
