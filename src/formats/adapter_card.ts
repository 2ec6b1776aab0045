/** The model card of an adapter folder. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { rangesOf } from "../core/row_range.ts";
import type { AdapterRecord } from "./adapter_record.ts";

/** The line that marks our own cards; a card without it is somebody's work and is not overwritten. */
export const CARD_MARK = "<!-- written by Lowrank -->";

/** The card's text: what the adapter is, the size of its modules in the file, and how to load it. */
export function adapterCard(
  { updates, baseModelName }: AdapterRecord,
  modules: readonly LowRankUpdate[],
): string {
  const ranks = [...new Set(modules.map(({ A }) => A.shape[0]))].sort((a, b) => a - b);
  // A JSON string is also a YAML string, whatever characters the name has.
  const base = baseModelName ? `base_model: ${JSON.stringify(baseModelName)}\n` : "";
  return `---
${base}library_name: peft
tags:
  - lora
---

${CARD_MARK}

# LoRA adapter

An addition to a language model: for each weight that it changes two small matrices, A and B, whose
product B·A times a scaling is added to it. The rank is the number of columns of B and of rows of A.

- Base model: ${baseModelName ? `\`${baseModelName.replaceAll("`", "")}\`` : "not recorded"}
- Weights that it changes: ${modules.length}, by updates of rank ${ranks.join(", ")}
- Parameters: ${sizeLine(updates, modules)}

\`\`\`python
from peft import PeftModel  # base_model: the base, loaded with transformers
model = PeftModel.from_pretrained(base_model, "this folder")
\`\`\`

\`\`\`ts
import { readAdapter } from "@lowrank/core/formats";
const { updates } = await readAdapter("this folder");
\`\`\`
`;
}

/** The number of values in the file and, if sites share a module, how many of them were trained. */
function sizeLine(updates: readonly LowRankUpdate[], modules: readonly LowRankUpdate[]): string {
  const trained = valuesOf(updates), stored = valuesOf(modules);
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
    return `in ${module.split(".").at(-1)} only rows ${rows.join(" and ")} are changed, but ` +
      `PEFT has one B for all rows, of rank ${A.shape[0]}, with zeros for the others`;
  });
  return `${[...new Set(lines)].join("; ")}.`;
}
