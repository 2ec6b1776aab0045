/** The model cards of adapters of all methods but LoRA. @module */

import { isText } from "../core/json.ts";
import { pythonSnippet } from "../formats/card_snippet.ts";
import { type Card, cardText, type TaskFacts, taskLines } from "../formats/card_text.ts";
import type { Json } from "../formats/json.ts";

/** What a card says of a method. */
interface MethodWords extends Pick<Card, "title" | "library"> {
  /** What it is called on the hub. */
  readonly tag: string;
  /** What it is. */
  readonly what: string;
}

const ours = "No other program reads this folder",
  replaced = "`lowrank merge` writes a model with them, which needs no adapter";

/** By the `method` of our own folders, and by the `peft_type` of PEFT's. */
const methods: Readonly<Record<string, MethodWords>> = {
  bitfit: {
    ...{ title: "BitFit adapter", tag: "bitfit" },
    what: `Biases in the place of all those of a base model. ${ours}; ${replaced}.`,
  },
  "top-layers": {
    ...{ title: "Top layers", tag: "top-layers" },
    what: `Blocks in the place of the last ones of a base model. ${ours}; ${replaced}.`,
  },
  bottleneck: {
    ...{ title: "Bottleneck adapter", tag: "adapter-transformers" },
    what: "Small networks that a base model runs after its sublayers: a projection down, a " +
      "non-linearity and a\nprojection up, in the files of the adapters library (AdapterHub).",
  },
  VERA: {
    ...{ title: "VeRA adapter", library: "peft", tag: "vera" },
    what:
      "For each weight that it changes two trained vectors, between which two random matrices act " +
      "that all\nweights share.",
  },
  PROMPT_TUNING: {
    ...{ title: "Prompt tuning adapter", library: "peft", tag: "prompt-tuning" },
    what: "Embeddings of virtual tokens, which stand before every text that a base model reads.",
  },
  PREFIX_TUNING: {
    ...{ title: "Prefix tuning adapter", library: "peft", tag: "prefix-tuning" },
    what:
      "Keys and values of virtual tokens, which every block of a base model sees before every text.",
  },
  "prefix-layer": {
    ...{ title: "Prefix-layer adapter", tag: "prefix-layer" },
    what: "States of virtual tokens, which every block of a base model reads before every text " +
      `(Hu et al. 2021,\nsection 5.1). ${ours}.`,
  },
  "lora+prefix-embedding": {
    ...{ title: "LoRA with a prefix of embeddings", tag: "lora" },
    what:
      "Low-rank updates, and embeddings of virtual tokens before every text (LoRA+PE, Hu et al. " +
      `2021,\nappendix E). ${ours}.`,
  },
  "lora+prefix-layer": {
    ...{ title: "LoRA with a prefix in every layer", tag: "lora" },
    what:
      "Low-rank updates, and states of virtual tokens that every block reads before every text (LoRA+PL, " +
      `Hu\net al. 2021, appendix E). ${ours}.`,
  },
};

/** A method that is not ours. */
const unknown: MethodWords = {
  ...{ title: "Adapter", tag: "adapter", what: "An addition to a base model." },
};

/** What is known of an adapter beside its configuration. */
export interface CardFacts extends TaskFacts {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** How many values were trained. */
  readonly trained: number;
}

/** The card's text: what the adapter is, how many values it trains, and how to load it. */
export function methodCard(config: Json, facts: CardFacts): string {
  const { baseModelName, trained, labels } = facts, { method, peft_type: type } = config;
  const name = isText(method) ? method : String(type);
  const { tag, what, ...words } = Object.hasOwn(methods, name) ? methods[name] : unknown;
  return cardText({
    ...{ ...words, baseModelName, tags: [tag], about: what },
    facts: [`Parameters: ${trained.toLocaleString("en")}`, ...taskLines(facts)],
    python: pythonFor(name, config, facts),
    typescript: `import { loadAnyAdapter } from "@lowrank/core/adapt";
import { loadModel, openDevice } from "@lowrank/core";

using device = await openDevice();
using model = await loadModel(device, ${JSON.stringify(baseModelName ?? "the base model")}${
      labels ? `, { labels: ${JSON.stringify(labels)} }` : ""
    });
using adapter = await loadAnyAdapter(model, "this folder");`,
  });
}

/** The lines of Python, where a library reads the folder. */
function pythonFor(name: string, config: Json, facts: CardFacts): string | undefined {
  if (name === "bottleneck") {
    return `import adapters  # base_model: the base, loaded with transformers
adapters.init(base_model)
base_model.load_adapter("this folder", set_active=True, use_safetensors=True)`;
  }
  // PEFT 0.21 refuses prefix tuning of a classifier with transformers 5.
  if (!isText(config.peft_type) || name === "PREFIX_TUNING" && facts.labels) return undefined;
  const taskType = isText(config.task_type) ? config.task_type : null;
  return pythonSnippet({ ...facts, taskType, hasVirtualTokens: name !== "VERA" });
}
