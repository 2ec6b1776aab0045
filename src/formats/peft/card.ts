/** The model card of an adapter folder. @module */

import type { PromptFormat } from "../../core/batch.ts";
import { terminalJson, terminalLine } from "../../core/errors.ts";
import { listNames, moduleOf } from "../../core/module_names.ts";
import { boundsOf } from "../../core/numbers.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { type LowRankUpdate, rangesOf, siteName } from "../../core/update.ts";
import { formText, type QuantizedForm } from "../../quant/quantized_tensor.ts";
import { type FloatDtype, isHalf } from "../../core/float_types.ts";
import { alphaOf } from "./config.ts";
import { isTable } from "./keys.ts";
import type { AdapterRecord, TrainedUpdate } from "./record.ts";

interface Loaded
  extends Pick<AdapterRecord, "baseModelName" | "labels" | "promptFormat" | "taskType"> {
  /** True if virtual tokens precede every text. */
  readonly hasVirtualTokens?: boolean;
}

/**
 * Python code that loads the adapter with PEFT: a classifier's needs its labels, a prompt is
 * written as in training.
 */
export function pythonSnippet(record: Loaded): string {
  const { labels, promptFormat, taskType } = record;
  if (labels) return classifierSnippet(record, labels);
  if (promptFormat && taskType !== null) return promptSnippet(record, promptFormat);
  return `from peft import PeftModel  # base_model: the base, loaded with transformers
model = PeftModel.from_pretrained(base_model, "this folder")`;
}

/** A JSON text is also one of Python, on one line, so that none can end the card's block of code. */
const python = (text: string): string => JSON.stringify(text);

const baseOf = ({ baseModelName }: Loaded): string => python(baseModelName ?? "the base model");

function classifierSnippet(record: Loaded, labels: readonly string[]): string {
  const names = labels.map((name, index) => `${index}: ${python(name)}`).join(", ");
  return `from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

base, id2label = ${baseOf(record)}, {${names}}
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForSequenceClassification.from_pretrained(
    base,
    num_labels=${labels.length},
    id2label=id2label,
    label2id={name: index for index, name in id2label.items()},
)
model = PeftModel.from_pretrained(model, "this folder")
logits = model(**tokenizer("your text", return_tensors="pt")).logits
print(id2label[logits.argmax().item()])`;
}

function promptSnippet(
  record: Loaded,
  { template, endOfTextFirst, separator }: NonNullable<AdapterRecord["promptFormat"]>,
): string {
  const first = endOfTextFirst ? "[tokenizer.eos_token_id] + " : "";
  const answer = "tokenizer.decode(made[0, len(ids):], skip_special_tokens=True)";
  const isPlain = template === "{prompt}", prompt = '"your prompt"';
  const text = isPlain ? prompt : `${python(template)}.replace("{prompt}", ${prompt})`;
  const [note, cache] = record.hasVirtualTokens
    ? [
      "# PEFT 0.21 with transformers 5 answers wrongly from a cache of virtual tokens\n",
      ", use_cache=False",
    ]
    : ["", ""];
  const cut = separator === "" ? "" : `.removeprefix(${python(separator)})`;
  return `import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = ${baseOf(record)}
tokenizer = AutoTokenizer.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "this folder")
text = ${text}
ids = ${first}tokenizer(text, add_special_tokens=False).input_ids
inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids))}
${note}made = model.generate(**inputs, max_new_tokens=40, pad_token_id=tokenizer.eos_token_id${cache})
print(${answer}${cut})`;
}

/** The line that marks our own cards; a card without it is somebody's work and is not overwritten. */
export const CARD_MARK = "<!-- written by Lowrank -->";

/** Content of a card, for all methods. */
export interface Card extends TaskFacts {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** Python library that loads the folder; none if it has a form of our own. */
  readonly library?: string;
  /** By what it is found on the hub. */
  readonly tag: string;
  /** Its heading. */
  readonly title: string;
  /** Description of the adapter, in sentences. */
  readonly about: string;
  /** Its settings, a line each. */
  readonly settings: readonly string[];
  /** Number of trained values, as text. */
  readonly parameters: string;
  /** Storage form of the base in training, where the card has a line for it. */
  readonly quantizedBase?: QuantizedForm;
  /** The lines of Python that load it. */
  readonly python?: string;
  /** The lines of TypeScript that load it. */
  readonly typescript: string;
}

/** The text of a card, with the fields that PEFT's cards have at its head. */
export function cardText(card: Card): string {
  const { baseModelName, library, tag, title, about, quantizedBase, python, typescript } = card;
  const head = [
    // A JSON string of printable characters is also a YAML string.
    ...baseModelName ? [`base_model: ${terminalJson(baseModelName)}`] : [],
    ...library ? [`library_name: ${library}`] : [],
    ...["tags:", `  - ${tag}`],
  ];
  const facts = [
    `Base model: ${baseModelName ? inCode(baseModelName) : "not recorded"}`,
    ...card.settings,
    `Parameters: ${card.parameters}`,
    ...quantizedBase ? [baseLine(quantizedBase)] : [],
    ...taskLines(card),
  ];
  return [
    `---\n${head.join("\n")}\n---\n`,
    `${CARD_MARK}\n`,
    `# ${title}\n`,
    `${about}\n`,
    facts.map((line) => `- ${line}\n`).join(""),
    ...python ? [block("python", python)] : [],
    block("ts", typescript),
  ].join("\n");
}

const block = (language: string, lines: string): string => `\`\`\`${language}\n${lines}\n\`\`\`\n`;

/** A text of a file as code in a line of Markdown, which is the only form in which a card may show one. */
export const inCode = (text: string): string =>
  `\`${terminalLine(text.replaceAll("`", "'")) || " "}\``;

/** Facts for a card: a classifier's labels, the parts trained in full, the prompts, and the file. */
export interface TaskFacts {
  /** The names of a classifier's labels. */
  readonly labels?: readonly string[];
  /** The modules that were trained in full. */
  readonly full: readonly string[];
  /** Format of the prompts in training. */
  readonly promptFormat?: PromptFormat;
  /** The type of the values in the file. */
  readonly dtype?: FloatDtype;
}

/** The lines that say so. */
function taskLines({ labels, full, promptFormat, dtype = "F32" }: TaskFacts): string[] {
  const modules = [...new Set(full.map(inCode))];
  return [
    ...isHalf(dtype) ? [`Values: stored in ${dtype}, 2 bytes each`] : [],
    ...labels ? [`Labels: ${labels.map((name) => inCode(JSON.stringify(name))).join(", ")}`] : [],
    ...modules.length > 0 ? [`Trained in full, and in the file: ${modules.join(", ")}`] : [],
    ...promptFormat && !labels ? [promptLine(promptFormat)] : [],
  ];
}

/** Line about the format that a prompt needs to be answered as in training. */
function promptLine({ template, endOfTextFirst, separator }: PromptFormat): string {
  const first = endOfTextFirst ? "the end-of-text token, then " : "";
  const answer = separator === ""
    ? ""
    : `; answers begin with ${inCode(JSON.stringify(separator))}, which is not part of them`;
  const prompt = inCode(JSON.stringify(template));
  return `Prompts: as in training, ${first}${prompt} without further special tokens${answer}. A prompt that is ` +
    "written otherwise is answered badly.";
}

/** The card's text: what the adapter is, the size of its modules in the file, and how to load it. */
export function adapterCard(record: AdapterRecord, modules: readonly TrainedUpdate[]): string {
  const { updates, baseModelName, labels, promptFormat, quantizedBase, dtype, freezeA } = record;
  const full = ownOf(record).map(([name]) => moduleOf(name));
  const only = record.saved?.size ? ", { updatesOnly: true }" : "";
  return cardText({
    ...{ baseModelName, library: "peft", tag: "lora", title: "LoRA adapter" },
    ...{ labels, full, promptFormat, dtype, quantizedBase },
    about: `${kindOf(record)}: for each weight that it changes two small matrices,
A and B, whose product B·A times a scaling is added to it. The rank is the number of columns of B and
of rows of A.`,
    settings: [
      `Sites that it changes: ${updates.length}, ${inCode(listNames(updates.map(siteName)))}`,
      `Their updates: ${settingsOf(updates)}`,
      ...freezeA ? ["B alone was trained, on a frozen A"] : [],
    ],
    parameters: sizeLine(record, modules),
    python: pythonSnippet(record),
    typescript: `import { readAdapter } from "@lowrank/core/formats";
const { updates } = await readAdapter("this folder"${only});`,
  });
}

/** `rank 8, alpha 16, scaling 2 (alpha / rank)`. */
function settingsOf(updates: readonly TrainedUpdate[]): string {
  const one = (name: string, all: readonly number[]) => {
    const different = [...new Set(all.map((value) => Number(value.toPrecision(6))))];
    if (different.length === 1) return `${name} ${different[0]}`;
    const [least, most] = boundsOf(different);
    return different.length > 4
      ? `${name}s from ${least} to ${most}`
      : `${name}s ${different.sort((a, b) => a - b).join(", ")}`;
  };
  return [
    one("rank", updates.map(({ A }) => A.shape[0])),
    one("alpha", updates.map((update) => alphaOf(update))),
    `${one("scaling", updates.map(({ scaling }) => scaling))} (alpha / rank)`,
    ...updates.some(({ magnitude }) => magnitude) ? ["with the magnitudes of DoRA"] : [],
  ].join(", ");
}

/**
 * Line about the storage form of the base in training, in the words of transformers where it has
 * them.
 */
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

/**
 * Tensors that were trained in full: a table that is no saved module is a frozen copy beside its
 * update.
 */
const ownOf = ({ saved = new Map<string, HostTensor>(), savedModules }: AdapterRecord) =>
  [...saved].filter(([name]) => !isTable(name) || savedModules?.includes(moduleOf(name)));

/** The number of values in the file and, if sites share a module or A is frozen, how many of them were trained. */
function sizeLine(record: AdapterRecord, modules: readonly TrainedUpdate[]): string {
  const { updates, biases, rows, freezeA = false } = record;
  const beside = [
    ...ownOf(record).map(([, tensor]) => tensor),
    ...biases?.values() ?? [],
    ...Array.from(rows?.values() ?? [], ({ values }) => values),
    ...modules.flatMap(({ magnitude, bias }) => [magnitude, bias]),
  ].reduce((sum, tensor) => sum + (tensor?.data.length ?? 0), 0);
  const own = valuesOf(updates), stored = valuesOf(modules);
  const trained = own - (freezeA ? updates.reduce((sum, { A }) => sum + A.data.length, 0) : 0);
  const [some, inFile] = [trained, stored].map((size) => (size + beside).toLocaleString("en"));
  if (trained === stored) return inFile;
  const both = `${some} trained, ${inFile} in the file`;
  return own === stored ? both : `${both}: ${describe(updates, modules)}`;
}

function valuesOf(updates: readonly LowRankUpdate[]): number {
  return updates.reduce((sum, { A, B }) => sum + A.data.length + B.data.length, 0);
}

/** Text about the modules' changed rows, by the last part of the modules' names. */
function describe(updates: readonly LowRankUpdate[], modules: readonly LowRankUpdate[]): string {
  const lines = modules.flatMap((joined) => {
    const { module, A, B } = joined;
    const sites = updates.filter((update) => update.module === module);
    if (sites.length === 1 && sites[0].B.data.length === B.data.length) return [];
    const rows = sites.map(({ rows }) =>
      rangesOf(rows!).map(({ start, count }) => `${start}–${start + count - 1}`).join(", ")
    );
    const name = inCode(module.split(".").at(-1)!), changed = rows.join(" and ");
    return `of ${name} only rows ${changed} are changed, and for PEFT that is one update of all ` +
      `rows, with \`r\` ${A.shape[0]}, \`lora_alpha\` ${alphaOf(joined)} and zeros in B`;
  });
  return `${[...new Set(lines)].join("; ")}.`;
}
