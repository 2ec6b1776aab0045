/** The base with skills, and the same network before any training. @module */

import { fileURLToPath } from "node:url";
import { fileDigests } from "../../src/storage/digest.ts";
import { readJson } from "../../src/storage/files.ts";
import { lazily } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { initGpt2, loadModel, parseGpt2Config, type TextModel } from "../../src/models/mod.ts";
import type { JsonRecord } from "../../src/runs/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";

/** `untrained` is the network as its pretraining began, from a run's seed. */
export type SkillsBase = "trained" | "untrained";

/** The Hugging Face folder of the trained one. */
export const skillsFolder: string = fileURLToPath(
  new URL("../../models/tiny-skills", import.meta.url),
);

const digests = {
  trained: lazily(() => fileDigests(skillsFolder, /^(model\.safetensors|config\.json)$/)),
  untrained: lazily(() => fileDigests(skillsFolder, /^config\.json$/)),
};

/** Identity of the base in a specification. */
export const skillsIdentity = async (base: SkillsBase): Promise<JsonRecord> => ({
  ...{ name: "tiny-skills", base },
  ...await digests[base](),
});

/** Opens it. */
export async function openSkillsBase(
  device: Device,
  base: SkillsBase,
  seed: number,
): Promise<TextModel> {
  if (base === "trained") return await loadModel(device, skillsFolder);
  const config = await readJson(`${skillsFolder}/config.json`) as Record<string, unknown>;
  return initGpt2(device, parseGpt2Config(config), { seed });
}

/** The tokenizer of both. */
export const skillsTokenizer = lazily(() => loadTokenizer(skillsFolder));
