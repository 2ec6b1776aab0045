/** What a set has of each of its adapters. @module */

import type { LowRankUpdate } from "../../core/low_rank_update.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import { quote } from "../../core/quote.ts";
import type { Folder } from "../../core/storage.ts";
import type { AdapterException } from "../../formats/mod.ts";
import type { AdapterValues, Model } from "../../models/model.ts";
import { assertUpdates, planUpdates } from "../lora/inject_updates.ts";
import { readPlans } from "../lora/load.ts";
import type { StackedSite } from "./stack.ts";
import { assertUpdatesAlone, sitesOf } from "./stackable.ts";

/** An adapter of a set. */
export interface Member {
  readonly values: AdapterValues;
  readonly promptFormat?: PromptFormat;
  /** Its sites by the names of their layers. */
  readonly sites: ReadonlyMap<string, readonly StackedSite[]>;
}

/**
 * Throws unless a name is a text that no member has.
 *
 * @throws {RangeError} then.
 */
export function assertNewName(members: ReadonlyMap<string, Member>, name: string): void {
  if (typeof name === "string" && name !== "" && !members.has(name)) return;
  throw new RangeError(`a new adapter of the set needs a name of its own, found ${quote(name)}`);
}

/** One of updates on the host. */
export function memberOf(model: Model, name: string, updates: readonly LowRankUpdate[]): Member {
  assertUpdates("AdapterSet.add", updates);
  return { values: {}, sites: sitesOf(name, planUpdates(model, updates)) };
}

/** One of a PEFT folder. */
export async function readMember(
  model: Model,
  name: string,
  folder: Folder,
  options: { readonly allow?: readonly AdapterException[] },
): Promise<Member> {
  const { plans, values, read } = await readPlans(model, folder, options);
  assertUpdatesAlone(name, read);
  return { values, promptFormat: read.promptFormat, sites: sitesOf(name, plans) };
}
