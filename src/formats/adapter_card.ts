/** The model card of an adapter folder. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { moduleOf } from "../core/module_names.ts";
import { rangesOf } from "../core/row_range.ts";
import { formText, type QuantizedForm } from "../quant/quantized_tensor.ts";
import type { AdapterRecord, TrainedUpdate } from "./adapter_record.ts";
import { isTable } from "./adapter_weights.ts";
import { pythonSnippet } from "./card_snippet.ts";
import { cardText, inCode, taskLines } from "./card_text.ts";

/** The card's text: what the adapter is, the size of its modules in the file, and how to load it. */
export function adapterCard(record: AdapterRecord, modules: readonly TrainedUpdate[]): string {
  const { baseModelName, labels, promptFormat, quantizedBase, dtype } = record;
  const ranks = [...new Set(modules.map(({ A }) => A.shape[0]))].sort((a, b) => a - b);
  const full = ownOf(record).map(([name]) => moduleOf(name));
  const only = record.saved?.size ? ", { updatesOnly: true }" : "";
  return cardText({
    ...{ baseModelName, library: "peft", tags: ["lora"], title: "LoRA adapter" },
    about: `${kindOf(record)}: for each weight that it changes two small matrices,
A and B, whose product B·A times a scaling is added to it. The rank is the number of columns of B and
of rows of A.`,
    facts: [
      `Weights that it changes: ${modules.length}, by updates of rank ${ranks.join(", ")}`,
      `Parameters: ${sizeLine(record, modules)}`,
      ...quantizedBase ? [baseLine(quantizedBase)] : [],
      ...taskLines({ labels, full, promptFormat, dtype }),
    ],
    python: pythonSnippet(record),
    typescript: `import { readAdapter } from "@lowrank/core/formats";
const { updates } = await readAdapter("this folder"${only});`,
  });
}

/** How the base was stored in training, in the words of transformers where it has them. */
function baseLine(form: QuantizedForm): string {
  const { code, blockSize, doubleQuantization } = form,
    isDouble = doubleQuantization ? "True" : "False";
  const asTransformers = blockSize === 64
    ? `: \`BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="${code}", ` +
      `bnb_4bit_use_double_quant=${isDouble})\``
    : "";
  return `Trained on the base in ${formText(form)}${asTransformers}`;
}

function kindOf({ labels, taskType = "CAUSAL_LM" }: AdapterRecord): string {
  if (labels) return "A classifier of texts, as an addition to a base model";
  return taskType === "CAUSAL_LM" ? "An addition to a language model" : "An addition to a model";
}

/** What was trained in full: a table that is no saved module is a frozen copy beside its update. */
const ownOf = ({ saved = new Map<string, HostTensor>(), savedModules }: AdapterRecord) =>
  [...saved].filter(([name]) => !isTable(name) || savedModules?.includes(moduleOf(name)));

/** The number of values in the file and, if sites share a module, how many of them were trained. */
function sizeLine(record: AdapterRecord, modules: readonly TrainedUpdate[]): string {
  const { updates, biases, rows } = record;
  const beside = [
    ...ownOf(record).map(([, tensor]) => tensor),
    ...biases?.values() ?? [],
    ...Array.from(rows?.values() ?? [], ({ values }) => values),
    ...modules.flatMap(({ magnitude, bias }) => [magnitude, bias]),
  ].reduce((sum, tensor) => sum + (tensor?.data.length ?? 0), 0);
  const trained = valuesOf(updates) + beside, stored = valuesOf(modules) + beside;
  const inFile = stored.toLocaleString("en");
  if (trained === stored) return inFile;
  return `${inFile} in the file, ${trained.toLocaleString("en")} of them trained: ${
    describe(updates, modules)
  }`;
}

function valuesOf(updates: readonly LowRankUpdate[]): number {
  return updates.reduce((sum, { A, B }) => sum + A.data.length + B.data.length, 0);
}

/** Which modules hold sites, by the last part of their names. */
function describe(updates: readonly LowRankUpdate[], modules: readonly LowRankUpdate[]): string {
  const lines = modules.flatMap(({ module, A, B }) => {
    const sites = updates.filter((update) => update.module === module);
    if (sites.length === 1 && sites[0].B.data.length === B.data.length) return [];
    const rows = sites.map(({ rows }) =>
      rangesOf(rows!).map(({ start, count }) => `${start}–${start + count - 1}`).join(", ")
    );
    return `in ${inCode(module.split(".").at(-1)!)} only rows ${
      rows.join(" and ")
    } are changed, but ` +
      `PEFT has one B for all rows, of rank ${A.shape[0]}, with zeros for the others`;
  });
  return `${[...new Set(lines)].join("; ")}.`;
}
