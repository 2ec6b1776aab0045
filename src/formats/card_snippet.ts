/** The Python lines of an adapter's card, which load it in PEFT and ask it. @module */

import type { AdapterRecord } from "./adapter_record.ts";

interface Loaded
  extends Pick<AdapterRecord, "baseModelName" | "labels" | "promptFormat" | "taskType"> {
  /** Whether virtual tokens stand before every text. */
  readonly hasVirtualTokens?: boolean;
}

/** What PEFT's users type: a classifier's needs its labels, a prompt is written as in training. */
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
text = ${python(template)}.replace("{prompt}", "your prompt")
ids = ${first}tokenizer(text, add_special_tokens=False).input_ids
inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids))}
${note}made = model.generate(**inputs, max_new_tokens=40, pad_token_id=tokenizer.eos_token_id${cache})
print(${answer}${cut})`;
}
