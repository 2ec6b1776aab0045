/** Adapters that are combined with a good one, and models that an adapter is extracted from. @module */

import fc from "npm:fast-check@4.10.2";
import { type Combination, combineFolders } from "../../../src/adapt/combine/combine.ts";
import { extractFolder } from "../../../src/adapt/combine/extract.ts";
import { type CombinationMethod, combinationMethods } from "../../../src/analysis/mod.ts";
import { AdapterFileError, ShapeError } from "../../../src/core/errors.ts";
import { readAdapter } from "../../../src/formats/mod.ts";
import { golden } from "../../support/golden.ts";
import { areFinite, type Files, type Kind, onDisk, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { partsOf, safetensorsFiles } from "../tensors.ts";
import { adapterExtras } from "./adapter_extras.ts";
import { adapterFolders, checkUpdate, goodAdapter, sites } from "./adapters.ts";

/** The errors are numbers, none below the least, and the folder holds what they are of. */
async function checkWritten(
  folder: string,
  { modules, total }: Pick<Combination, "modules" | "total">,
): Promise<void> {
  sound(
    !Number.isNaN(total.error) && areFinite([total.least]),
    `the errors ${Object.values(total)}`,
  );
  for (const { name, rank, norm, distance, error, least } of modules) {
    const numbers = [norm, distance, least, ...norm > 0 ? [error] : []];
    sound(areFinite(numbers), `${name} with the errors ${numbers}`);
    sound(least <= error * (1 + 1e-6) + 1e-6, `an error of ${error}, at best ${least}`);
    sound(Number.isSafeInteger(rank) && rank > 0, `the rank ${rank}`);
  }
  const { updates } = await readAdapter(folder);
  sound(updates.length === modules.length, `${updates.length} updates of ${modules.length}`);
  for (const update of updates) checkUpdate(update);
}

/** Key of a method's name among the files; it is not a file of the folder. */
const asked = "method";

const methodIn = (files: Files) => new TextDecoder().decode(files[asked]) as CombinationMethod;

/** Corrupted adapters beside a good one. */
export const combinedAdapters: Kind = {
  name: "adapters to combine",
  inputs: fc.tuple(
    fc.oneof(adapterFolders.inputs, sites.inputs, adapterExtras.inputs),
    fc.constantFrom(...combinationMethods),
  ).map(([files, method]): Files => ({ ...files, [asked]: new TextEncoder().encode(method) })),
  refusals: [AdapterFileError, RangeError, ShapeError, TypeError],
  read: (files) => {
    const { [asked]: _, ...adapter } = files, method = methodIn(files);
    return onDisk(adapter, (folder) =>
      onDisk(goodAdapter, (good) =>
        onDisk({}, async (output) => {
          const adapters = [{ folder, weight: 1 }, { folder: good, weight: -0.5 }];
          const density = /^(ties|dare|magnitude)/.test(method) ? 0.5 : undefined;
          const request = { adapters, output, method, density };
          await checkWritten(output, await combineFolders(request));
        })));
  },
};

const base = golden("families/qwen2"), configName = "config.json";
const config = await Deno.readFile(`${base}/${configName}`);

/** The base's weights, every other value changed. */
const tuned = (() => {
  const file = Deno.readFileSync(`${base}/model.safetensors`), { data } = partsOf(file);
  const values = new DataView(data.buffer, data.byteOffset);
  for (let at = 0; at < data.length; at += 8) {
    values.setFloat32(at, values.getFloat32(at, true) + 0.01, true);
  }
  return file;
})();

/** Models that were trained in full, corrupted. */
export const tunedModels: Kind = {
  name: "models to extract an adapter from",
  inputs: fc.oneof(
    safetensorsFiles(fc.constant(tuned)).map((weights): Files => ({
      [configName]: config,
      "model.safetensors": weights,
    })),
    jsonFiles(fc.constant(JSON.parse(new TextDecoder().decode(config))), {
      values: ["qwen2", "llama", ["LlamaForCausalLM"], 3, 16],
      keys: ["model_type", "hidden_size", "num_hidden_layers", "quantization_config"],
    }).map((json): Files => ({ [configName]: json, "model.safetensors": tuned })),
  ),
  refusals: [SyntaxError, RangeError, ShapeError, TypeError],
  read: (files) =>
    onDisk(files, (folder) =>
      onDisk({}, async (output) => {
        await checkWritten(output, await extractFolder({ base, tuned: folder, output, rank: 2 }));
      })),
  command: (folder) => ["extract", base, folder, "--rank", "2", "--output", `${folder}/out`],
};
