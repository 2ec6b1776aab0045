/** The model card of an adapter folder. @module */

import type { AdapterRecord } from "./adapter_record.ts";

/** The line by which our own cards are known; cards without it are somebody's work and stay. */
export const CARD_MARK = "<!-- written by Lowrank -->";

/** The card's text: what the adapter is, its size, and how to load it. */
export function adapterCard({ modules, baseModelName }: AdapterRecord): string {
  const parameters = modules.reduce((sum, { A, B }) => sum + A.data.length + B.data.length, 0);
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
- Parameters: ${parameters.toLocaleString("en")}

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
