/** The adapter that `inspect` describes: LoRA, or VeRA on its base. @module */

import { isVera, refuseWithoutBase } from "../adapt/update_method.ts";
import { readVera } from "../adapt/vera/read.ts";
import { withinSides } from "../adapt/vera/updates.ts";
import type { UpdateShape } from "../core/low_rank_update.ts";
import { listNames } from "../core/module_names.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";
import type { TrainedUpdate } from "../formats/mod.ts";
import { openBase } from "../models/base_file.ts";
import { summaryOf } from "./adapter_summary.ts";
import type { AllowOption } from "./arguments.ts";
import { type CommonOptions, note } from "./common.ts";
import { eachUpdate } from "./updates.ts";

/** Gives each update of an adapter to `take`; returns what the adapter is, in a few lines. */
export async function eachInspected(
  folder: string,
  options: CommonOptions & AllowOption & { readonly base?: string },
  take: (update: TrainedUpdate) => Promise<void>,
): Promise<string> {
  await assertAdapterFolder(folder);
  if (await isVera("inspect", folder)) return await eachOfVera(folder, options, take);
  const updates: (UpdateShape & Pick<TrainedUpdate, "scaling">)[] = [];
  const { config } = await eachUpdate(folder, options, async (update) => {
    updates.push(shapeOf(update));
    await take(update);
  });
  return summaryOf({ ...config, updates });
}

/** An update without its values, which need not stay in memory. */
export const shapeOf = ({ A, B, ...update }: TrainedUpdate) => ({
  ...update,
  A: { shape: A.shape },
  B: { shape: B.shape },
});

async function eachOfVera(
  folder: string,
  { base, ...options }: CommonOptions & AllowOption & { readonly base?: string },
  take: (update: TrainedUpdate) => Promise<void>,
): Promise<string> {
  if (options.allow) throw new RangeError(`--allow is about LoRA, found VeRA in ${folder}`);
  if (base === undefined) refuseWithoutBase("inspect", folder);
  using file = await openBase(base);
  const { config, vectors, others, updates } = await readVera(file, folder);
  if (others.size > 0) {
    note(options, `left out of ${folder}, beside VeRA's vectors: ${listNames([...others.keys()])}`);
  }
  for (const { read } of updates) await take(withinSides(read()));
  const trained = Array.from(vectors.values()).reduce((sum, { data }) => sum + data.length, 0);
  return summaryOf({ ...config, updates, vectors: trained });
}
