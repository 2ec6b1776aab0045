/** A served small base with adapters, and its clients. @module */

import { assert, assertEquals } from "@std/assert";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { answerTo } from "../../src/cli/commands/generate.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { Serving, type ServingOptions } from "../../src/serve/mod.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizer/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** The base. */
export const base: string = `${rootPath}models/tiny-gpt2`;

/** Folder of its adapters. */
const study = `${rootPath}models/rank-study`;

/** The adapters that are there from the start: of three ranks and on different sites. */
export const ownAdapters = ["q-r64-seed1", "qkvo-r2-seed1", "qv-r8-seed1"] as const;

/** Copies an adapter, under another name if it says so. */
export async function copyAdapter(folder: string, name: string, as = name): Promise<void> {
  await Deno.mkdir(`${folder}/${as}`, { recursive: true });
  for (const { name: file } of Deno.readDirSync(`${study}/${name}`)) {
    await Deno.copyFile(`${study}/${name}/${file}`, `${folder}/${as}/${file}`);
  }
}

/** Body of a request, with the names of its fields. */
export type Body = Readonly<Record<string, unknown>>;

/** An answer of HTTP. */
export interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- what servers answer is for the tests to say
  readonly json: any;
}

/** Asks with GET, or with POST if there is a body. */
export async function ask(address: string, path: string, body?: Body): Promise<Answer> {
  const init = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  return await answerOf(await fetch(`${address}${path}`, init));
}

/** The JSON of a response. */
export async function answerOf(response: Response): Promise<Answer> {
  assertEquals(response.headers.get("content-type"), "application/json");
  return { status: response.status, json: await response.json() };
}

/** The answer of a server to bytes, until it closes the connection. */
export async function exchange(address: string, sent: string | Uint8Array): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: +new URL(address).port });
  await connection.write(typeof sent === "string" ? new TextEncoder().encode(sent) : sent);
  await connection.closeWrite().catch(() => {}); // The server may have closed it already.
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const text = async () => await new Blob(parts).text();
  try {
    for await (const part of connection.readable) parts.push(part as Uint8Array<ArrayBuffer>);
  } catch {
    return await text();
  }
  return await text();
}

/** A server in this process, and what it is made of. */
export interface Place {
  readonly address: string;
  /** The folder of its adapters. */
  readonly folder: string;
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
  readonly serving: Serving;
  /** Asks for a completion; it must be answered. */
  complete(body: Body): Promise<Answer["json"]>;
}

/** Serves the small base with {@link ownAdapters} in a folder of their own. */
export async function withServing(
  options: Partial<ServingOptions>,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  const tokenizer = await loadTokenizer(base);
  await withFolder(async (folder) => {
    for (const name of ownAdapters) await copyAdapter(folder, name);
    using device = await openCpuDevice({ threads: 2 });
    using model = await loadModel(device, base);
    const { live } = device.ledger.read(), own = { name: "tiny-gpt2", port: 0, adapters: folder };
    {
      await using serving = await Serving.start(model, tokenizer, { ...own, ...options });
      const { address } = serving;
      const complete = async (body: Body) => {
        const { status, json } = await ask(address, "/v1/completions", body);
        assertEquals(status, 200, JSON.stringify(json));
        return json;
      };
      await use({ address, folder, model, tokenizer, serving, complete });
    }
    assertEquals(device.ledger.read().live, live);
  });
}

/** Answers of `lowrank generate` to a server's requests, one by one on a device of its own. */
export async function offlineAnswers(
  bodies: readonly Body[],
): Promise<{ text: string; tokens: number }[]> {
  using device = await openCpuDevice({ threads: 2 });
  using model = await loadModel(device, base);
  const tokenizer = await loadTokenizer(base),
    answers = new Map<Body, { text: string; tokens: number }>();
  for (const [name, group] of Map.groupBy(bodies, ({ adapter }) => adapter)) {
    using _ = typeof name === "string" ? await loadAdapter(model, `${study}/${name}`) : undefined;
    for (const body of group) {
      const { prompt, max_tokens, temperature, top_k, seed = 0 } = body as Record<string, never>;
      const options = { maxNewTokens: max_tokens, temperature, topK: top_k, seed };
      const { text, tokens } = await answerTo(prompt, model, tokenizer, options);
      answers.set(body, { text, tokens: tokens.length });
    }
  }
  return bodies.map((body) => answers.get(body)!);
}

/** Throws unless an answer is an error in the shape of OpenAI's interface. */
export function assertRefused({ status, json }: Answer, wanted: number, ...parts: string[]): void {
  const { error } = json, text = JSON.stringify(json);
  assertEquals([status, error?.code], [wanted, wanted], text);
  assertEquals(Object.keys(error), ["message", "type", "param", "code"]);
  for (const part of parts) assert(error.message.includes(part), `${part} is not in ${text}`);
}
