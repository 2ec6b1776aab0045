/** The digest of a configuration, in the metadata of the weights that were saved with it. @module */

import { canonicalJson, sha256 } from "../core/digest.ts";
import type { PeftConfig } from "./peft_config.ts";

/** The key in `__metadata__`; other programs ignore it. */
const KEY = "lowrank.config";

/** Metadata that binds weights to the fields of a configuration that determine the mathematics. */
export async function configMetadata(fields: unknown): Promise<Record<string, string>> {
  return { [KEY]: await sha256(new TextEncoder().encode(canonicalJson(fields))) };
}

/**
 * Throws when weights are bound to another configuration: a crash, or a reader while a save is going
 * on, may combine old and new files.
 *
 * @param file The configuration's name.
 * @throws {RangeError} when they are.
 */
export async function assertOwnConfig(
  metadata: Readonly<Record<string, string>>,
  file: string,
  fields: unknown,
): Promise<void> {
  if (!Object.hasOwn(metadata, KEY)) return;
  if (metadata[KEY] === (await configMetadata(fields))[KEY]) return;
  throw new RangeError(
    `${file} must be the one that the weights were saved with, found another: a save was interrupted ` +
      `or is going on, or the file was edited by hand; put the original back, or make the change in a ` +
      `program that saves both files, with adapter.save or saveModel`,
  );
}

/** What determines an adapter's ΔW, in sites too; users may edit the other fields. */
export function mathematicsOf(config: PeftConfig): Partial<PeftConfig> {
  const { baseModelName: _, taskType: __, dropout: ___, ...rest } = config;
  return rest;
}
