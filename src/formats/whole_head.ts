/** A classification head in `modules_to_save`. @module */

/** The layers of RoBERTa's classification head. */
const headLayers = ["classifier.dense", "classifier.out_proj"];

/** PEFT wraps the head as a whole in any case: by the names of its layers, they would be wrapped twice. */
export function withWholeHead(modules: readonly string[]): readonly string[] {
  if (!headLayers.every((layer) => modules.includes(layer))) return modules;
  return modules.map((module) => headLayers.includes(module) ? "classifier" : module);
}
