/** Writes PEFT adapter folders. @module */

import { ShapeError } from "../core/errors.ts";
import { makeFolder, readText, writeFileAtomic, writeJsonAtomic } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape } from "../core/shape.ts";
import { adapterCard, CARD_MARK } from "./adapter_card.ts";
import type { AdapterRecord } from "./adapter_record.ts";
import { sitesMetadata, splitSites } from "./adapter_sites.ts";
import { exactAlpha } from "./exact_alpha.ts";
import { isSelected } from "./peft_patterns.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/**
 * Writes an adapter folder that PEFT loads: `adapter_model.safetensors`, `adapter_config.json` and a
 * `README.md`, each whole or not at all; a README that is not ours stays. The folder is made.
 *
 * The commonest rank and α become `r` and `lora_alpha`; other modules get exact patterns.
 *
 * @throws {RangeError} Where there is no module, a name comes twice, `targetModules` misses one, or
 * `dropout` is outside of [0, 1).
 * @throws {ShapeError} Where A and B do not fit each other.
 * @throws {AdapterFileError} Where a module does not consist of the `sites` that it names.
 * @throws {Error} Where a file cannot be written; an older file of that name is unchanged.
 *
 * @example
 * ```ts
 * import { writeAdapter } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const A = { shape: [4, 8], data: new Float32Array(32).fill(0.1) };
 * const B = { shape: [24, 4], data: new Float32Array(96) };
 * await writeAdapter(folder, {
 *   modules: [{ name: "transformer.h.0.attn.c_attn", A, B, scaling: 2 }],
 *   baseModelName: "gpt2",
 *   targetModules: ["c_attn"],
 *   fanInFanOut: true,
 * });
 * const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
 * console.log(config.r, config.lora_alpha); // 4 8
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeAdapter(folder: string, adapter: AdapterRecord): Promise<void> {
  checkAdapter(folder, adapter);
  const config = configOf(adapter);
  await makeFolder(folder);
  await writeSafetensors(`${folder}/adapter_model.safetensors`, tensorsOf(adapter), {
    dtype: adapter.dtype,
    metadata: { format: "pt", ...sitesMetadata(adapter.modules) },
  });
  await writeJsonAtomic(`${folder}/adapter_config.json`, config);
  const card = `${folder}/README.md`;
  const old = await readText(card).catch(() => CARD_MARK);
  if (old.includes(CARD_MARK)) await writeFileAtomic(card, adapterCard(adapter));
}

function checkAdapter(folder: string, adapter: AdapterRecord): void {
  const { modules, targetModules, dropout = 0 } = adapter;
  const fail = (rule: string): never => {
    throw new RangeError(`cannot write the adapter in ${folder}: ${rule}`);
  };
  if (modules.length === 0) fail("it must have at least one module, found none");
  if (!(dropout >= 0 && dropout < 1)) fail(`dropout must lie in [0, 1), found ${dropout}`);
  const names = new Set<string>();
  for (const module of modules) {
    const { name, A, B, scaling, sites } = module;
    if (names.has(name)) fail(`module names must be unique, found "${name}" twice`);
    names.add(name);
    if (!Number.isFinite(scaling)) {
      fail(`the scaling of "${name}" must be finite, found ${scaling}`);
    }
    checkShapes(folder, name, A, B);
    if (sites) splitSites(module, sites);
    if (!isSelected({ targetModules }, name)) {
      fail(`targetModules must select "${name}", found ${JSON.stringify(targetModules)}`);
    }
  }
}

function checkShapes(folder: string, name: string, A: HostTensor, B: HostTensor): void {
  const fit = A.shape.length === 2 && B.shape.length === 2 && A.shape[0] === B.shape[1];
  if (!fit || A.shape[0] === 0) {
    const found = `${formatShape(A.shape)} and ${formatShape(B.shape)}`;
    throw new ShapeError(
      `cannot write the adapter in ${folder}: A and B of "${name}" must have shapes (rank, in) and ` +
        `(out, rank), found ${found}`,
    );
  }
}

function* tensorsOf({ modules }: AdapterRecord): Generator<[string, HostTensor]> {
  for (const { name, A, B } of modules) {
    yield [`base_model.model.${name}.lora_A.weight`, A];
    yield [`base_model.model.${name}.lora_B.weight`, B];
  }
}

/** The configuration with its keys in order, as PEFT writes it. */
function configOf(adapter: AdapterRecord): Record<string, unknown> {
  const { modules, fanInFanOut = false, dropout = 0, taskType = "CAUSAL_LM" } = adapter;
  const ranks = modules.map(({ A }) => A.shape[0]);
  const alphas = modules.map(({ scaling }, index) => exactAlpha(scaling, ranks[index]));
  const names = modules.map(({ name }) => name);
  const r = commonest(ranks);
  const alpha = commonest(alphas);
  return {
    alpha_pattern: exceptions(names, alphas, alpha),
    base_model_name_or_path: adapter.baseModelName ?? null,
    bias: "none",
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r,
    rank_pattern: exceptions(names, ranks, r),
    target_modules: [...new Set(adapter.targetModules ?? names)].sort(),
    task_type: taskType,
    use_dora: false,
    use_rslora: false,
  };
}

/** The value that comes most often, the earliest of several. */
function commonest(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => next[1] > best[1] ? next : best)[0];
}

/** Patterns for the modules whose value is not the common one. */
function exceptions(names: string[], values: number[], common: number): Record<string, number> {
  const pairs = names.map((name, index): [string, number] => [exactPattern(name), values[index]]);
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== common).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** A pattern that matches this name and no name that ends like it. */
function exactPattern(name: string): string {
  return "^" + name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
