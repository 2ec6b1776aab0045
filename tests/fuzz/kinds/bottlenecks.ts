/** Folders of bottlenecks that the `adapters` library saved. @module */

import fc from "npm:fast-check@4.10.2";
import { BottleneckAdapter, loadAnyAdapter } from "../../../src/adapt/mod.ts";
import { AdapterFileError } from "../../../src/core/errors.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { golden } from "../../support/golden.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { safetensorsFiles } from "../tensors.ts";

const configName = "adapter_config.json", weightsName = "adapter.safetensors";
const headName = "model_head.safetensors";
const device = new ReferenceDevice();
const model = await loadModel(device, golden("families/roberta_classifier"));
const live = device.ledger.read().live;

const folder = golden("adapterhub/roberta_head");
const names = [configName, weightsName, headName];
const good: Files = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)])),
);
const config = JSON.parse(new TextDecoder().decode(good[configName]));

const seasoning = {
  values: ["bottleneck", "lora", "learned", [0], [1, 0], { default: 2 }, null, 1e300, -1, "task."],
  keys: ["config", "name", "version", "method", "architecture", "leave_out", "non_linearity"],
};

/** One of the three files, spoiled. */
const inputs = fc.oneof(
  jsonFiles(fc.constant(config), seasoning).map((bytes): Files => ({
    ...good,
    [configName]: bytes,
  })),
  ...[weightsName, headName].map((name) =>
    safetensorsFiles(fc.constant(good[name])).map((bytes): Files => ({ ...good, [name]: bytes }))
  ),
);

/** Read as the library reads them, or refused, and nothing stays allocated. */
export const bottleneckFolders: Kind = {
  name: "folders of bottlenecks",
  inputs,
  refusals: [AdapterFileError, RangeError, SyntaxError],
  read: async (files) => {
    try {
      using adapter = await loadAnyAdapter(model, inMemory(files));
      sound(adapter instanceof BottleneckAdapter, "an adapter of another method");
      const values = await device.read(...adapter.parameters.map(({ tensor }) => tensor));
      sound(values.every(({ data }) => areFinite(data)), "a value that is not finite");
    } finally {
      sound(device.ledger.read().live === live, "an adapter that stays allocated");
    }
  },
};
