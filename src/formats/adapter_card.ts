/** The model card of an adapter folder. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
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

- Base model: ${baseModelName ? `\`${baseModelName.replaceAll("`", "")}\`` : "not recorded"}
- Modules: ${modules.length}, rank ${ranks.join(", ")}
- Parameters: ${sizeLine(updates, modules)}

\`\`\`python
from peft import PeftModel
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
    const rows = sites.map(({ rows }) => `${rows!.start}–${rows!.start + rows!.count - 1}`);
    return `${module.split(".").at(-1)} holds the updates of its rows ${rows.join(" and ")} ` +
      `as one PEFT module of rank ${A.shape[0]}, whose B is zero elsewhere`;
  });
  return `${[...new Set(lines)].join("; ")}.`;
}
