/** Table 2 as methods on texts, for rules to be tried on (decision 0052). @module */

import { measured } from "../../../src/paper/printed/mod.ts";
import { MethodComparison } from "../comparison.ts";
import { chance, glue, noiseOnGlue, printedRows } from "../printed.ts";
import { averageOfTasks, type TextComparison, type TextRow, withFacts } from "./rows.ts";

/** Tasks that are measured by a correlation, which is 0 by chance. */
const correlations = ["CoLA", "STS-B"];

/** The methods of these rows on every task; of the most frequent label the most that it can have. */
function methodsOnGlue(rows: Readonly<Record<string, string>>): TextComparison {
  const methods = Object.entries(rows), { texts, frequent } = chance;
  const all = glue.flatMap((task): TextRow[] => {
    const own = printedRows(methods, (row) => Number(measured("table2", row, task)), () => 1);
    const untrained = {
      ...own[0],
      family: "baseline",
      compared: 0,
      texts,
      task,
      validation: 0,
    } as const;
    return [
      ...own.map((row) => ({ ...row, texts, task })),
      { ...untrained, key: "frequent", value: correlations.includes(task) ? 0 : frequent },
      { ...untrained, key: "bag-of-words", value: 0 },
    ];
  });
  const noise = noiseOnGlue(methods);
  return withFacts(new MethodComparison(averageOfTasks(all), "highest", undefined, noise), all);
}

/** RoBERTa base. */
export const onBase = methodsOnGlue({
  "lora-qv": "RoBERTa base, LoRA",
  full: "RoBERTa base, FT",
  bitfit: "RoBERTa base, BitFit",
  "adapter-d": "RoBERTa base, Adapter D (0.9M)",
});

/** RoBERTa large with 0.8M values, and the same batches, lengths and start for all. */
export const onLarge = methodsOnGlue({
  "lora-qv": "RoBERTa large †, LoRA",
  "adapter-h": "RoBERTa large †, Adapter H (0.8M)",
  "adapter-p": "RoBERTa large †, Adapter P (0.8M)",
});
