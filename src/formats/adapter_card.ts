/** The model card of an adapter folder. @module */

import type { AdapterRecord, AdapterWeights } from "./adapter_record.ts";

/** The line by which our own cards are known; cards without it are somebody's work and stay. */
export const CARD_MARK = "<!-- written by Lowrank -->";

/** The card's text: what the adapter is, its size, and how to load it. */
export function adapterCard({ modules, baseModelName }: AdapterRecord): string {
  const ranks = [...new Set(modules.map(({ A }) => A.shape[0]))].sort((a, b) => a - b);
  // A JSON string is a YAML string too, whatever the name holds.
  const base = baseModelName ? `base_model: ${JSON.stringify(baseModelName)}\n` : "";
  return `---
${base}library_name: peft
tags:
  - lora
---

${CARD_MARK}

# LoRA adapter

- Base model: ${baseModelName ? `\`${baseModelName.replaceAll("`", "")}\`` : "not recorded"}
- Modules: ${modules.length}, rank ${ranks.join(", ")}
- Parameters: ${sizeLine(modules)}

\`\`\`python
from peft import PeftModel
model = PeftModel.from_pretrained(base_model, "this folder")
\`\`\`

\`\`\`ts
import { readAdapter } from "@lowrank/core/formats";
const { modules } = await readAdapter("this folder");
\`\`\`
`;
}

/** What the file holds and, where sites share a module, what of it was trained. */
function sizeLine(modules: readonly AdapterWeights[]): string {
  const total = (count: (module: AdapterWeights) => number) =>
    modules.reduce((sum, module) => sum + count(module), 0);
  const stored = total(({ A, B }) => A.data.length + B.data.length);
  const trained = total(({ A, B, sites }) => A.data.length + trainedValues(B.data.length, sites));
  const inFile = stored.toLocaleString("en");
  if (trained === stored) return inFile;
  return `${inFile} in the file, ${trained.toLocaleString("en")} of them trained: ${
    describe(modules)
  }`;
}

/** Values of B inside of its blocks. */
function trainedValues(size: number, sites: AdapterWeights["sites"]): number {
  return sites?.reduce((sum, { rows, rank }) => sum + rows.count * rank, 0) ?? size;
}

/** Which modules hold sites, by the last part of their names. */
function describe(modules: readonly AdapterWeights[]): string {
  const lines = modules.flatMap(({ name, A, B, sites }) => {
    if (!sites || trainedValues(0, sites) === B.data.length) return [];
    const rows = sites.map(({ rows: { start, count } }) => `${start}–${start + count - 1}`);
    return `${name.split(".").at(-1)} holds the updates of its rows ${rows.join(" and ")} ` +
      `as one PEFT module of rank ${A.shape[0]}, whose B is zero elsewhere`;
  });
  return `${[...new Set(lines)].join("; ")}.`;
}
