/** What is served at which address. @module */

import { DeviceError } from "../core/errors.ts";
import { quote } from "../core/quote.ts";
import type { AdapterException } from "../formats/mod.ts";
import { type AdapterFolders, subfolderName } from "./adapter_folders.ts";
import { answer, isBase, readAsk, type Served } from "./completions.ts";
import { Fields, plainName } from "./fields.ts";
import { Refusal } from "./refusal.ts";
import type { Route, Routes } from "./server.ts";

/** The adapters that may be loaded. */
export interface Loadable {
  /** Where they are; none may be loaded if it is absent. */
  readonly folders?: AdapterFolders;
  /** What may pass in them that stops the reading of an adapter. */
  readonly allow?: readonly AdapterException[];
}

/** The addresses of vLLM: a list, completions, and adapters that come and go. */
export function routesOf(served: Served, loadable: Loadable): Routes {
  const created = Math.floor(Date.now() / 1000);
  const card = (id: string, parent: string | null) => ({
    ...{ id, object: "model", created, owned_by: "lowrank", parent },
    max_model_len: served.length,
  });
  const cards = () => [
    card(served.name, null),
    ...served.engine.adapters.map((id) => card(id, served.name)),
  ];
  return {
    "GET /v1/models": () => Promise.resolve({ object: "list", data: cards() }),
    "POST /v1/completions": complete(served),
    "POST /v1/load_lora_adapter": async ({ body }) => {
      const fields = new Fields(body), own = fields.need("lora_name", plainName);
      const folder = fields.take("lora_path", subfolderName) ?? own;
      fields.end();
      await loadAdapters(served, loadable, new Map([[own, folder]]))
        .catch((error) => Promise.reject(refusalOf(error, loadable.folders!)));
      return card(own, served.name);
    },
    "POST /v1/unload_lora_adapter": async ({ body }) => {
      const fields = new Fields(body), own = fields.need("lora_name", plainName);
      fields.end();
      await served.engine.unload(own);
      return { id: own, object: "model", deleted: true };
    },
  };
}

const complete = (served: Served): Route => async ({ body, signal, beginEvents }) => {
  const ask = readAsk(served, body);
  if (!ask.stream) return await answer(served, ask, signal);
  let send: ReturnType<typeof beginEvents> | undefined;
  // The first part begins the answer: until then it can be refused.
  const begin = () => send ??= beginEvents();
  const whole = await answer(served, ask, signal, (part) => begin()(part));
  const { usage, ...last } = whole;
  const ends = ask.countsApart ? [last, { ...last, choices: [], usage }] : [whole];
  for (const part of [...ends, undefined]) begin()(part);
};

/**
 * Loads adapters by the names that clients will have for them and those of their folders.
 *
 * @throws {Refusal} when a name is taken or cannot be one, a folder is missing, or there are too many.
 * @throws {Error} when a folder is broken or does not fit.
 */
export async function loadAdapters(
  served: Served,
  { folders, allow }: Loadable,
  wanted: ReadonlyMap<string, string>,
): Promise<void> {
  const { engine } = served;
  if (!folders) throw new Refusal(400, "loading needs a server that was started with --adapters");
  const paths: [name: string, path: string][] = [];
  for (const [name, folder] of wanted) {
    if (isBase(served, name) || engine.adapters.includes(name)) {
      const rule = "the name of a new adapter must be free";
      throw new Refusal(400, `${rule}, found ${quote(name)}`, "lora_name");
    }
    paths.push([name, await folders.pathOf(folder)]);
  }
  await engine.load(Object.fromEntries(paths), allow);
}

/** A folder that cannot be used is the client's fault, a device without room is not. */
function refusalOf(error: unknown, folders: AdapterFolders): unknown {
  const isOther = error instanceof DeviceError || error instanceof Refusal;
  if (isOther || !(error instanceof Error)) return error;
  return new Refusal(400, folders.sentenceOf(error), "lora_path");
}
