/** The adapter that `inspect` describes: LoRA, or VeRA on its base. @module */

import { isVera, refuseWithoutBase } from "../adapt/update_method.ts";
import { sourceOf, type UpdateSource } from "../adapt/update_source.ts";
import { readVera } from "../adapt/vera/read.ts";
import { withinSides } from "../adapt/vera/updates.ts";
import { listNames } from "../core/module_names.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";
import { openBase } from "../models/base_file.ts";
import { summaryOf } from "./adapter_summary.ts";
import type { AllowOption } from "./arguments.ts";
import { type CommonOptions, note } from "./common.ts";
import { readUpdates } from "./updates.ts";

/** An adapter, of which one update after the other is read. */
export interface Inspected {
  /** What it is, in a few lines. */
  readonly summary: string;
  /** Its updates. */
  readonly updates: readonly UpdateSource[];
}

/** Reads an adapter, and notes what else its folder contains. */
export async function readInspected(
  folder: string,
  options: CommonOptions & AllowOption & { readonly base?: string },
): Promise<Inspected> {
  await assertAdapterFolder(folder);
  if (await isVera("inspect", folder)) return await readVeraOn(folder, options);
  const { config, updates } = await readUpdates(folder, options);
  return { summary: summaryOf({ ...config, updates }), updates: updates.map(sourceOf) };
}

async function readVeraOn(
  folder: string,
  { base, ...options }: CommonOptions & AllowOption & { readonly base?: string },
): Promise<Inspected> {
  if (options.allow) throw new RangeError(`--allow is about LoRA, found VeRA in ${folder}`);
  if (base === undefined) refuseWithoutBase("inspect", folder);
  using file = await openBase(base);
  const { config, vectors, others, updates } = await readVera(file, folder);
  if (others.size > 0) {
    note(options, `left out of ${folder}, beside VeRA's vectors: ${listNames([...others.keys()])}`);
  }
  const trained = Array.from(vectors.values()).reduce((sum, { data }) => sum + data.length, 0);
  return {
    summary: summaryOf({ ...config, updates, vectors: trained }),
    updates: updates.map((source) => ({ ...source, read: () => withinSides(source.read()) })),
  };
}
