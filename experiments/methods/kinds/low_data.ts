/** Few examples: table 16. @module */

import { axis, baseLayout, dots, line, logCountAxis } from "../../../src/figures/mod.ts";
import { colorsOf } from "../../../src/figures/figure.ts";
import { type SizedMethod, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import type { MethodRow } from "../comparison.ts";
import type { StudiedMethod } from "../methods.ts";
import { accuracyValue } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { amounts, lowDataClaims, sizeOf } from "./claims.ts";
import shipped from "./low_data.json" with { type: "json" };
import { kindsRateOf, kindsRow, planReported, searched } from "./reported.ts";
import { kindsSteps } from "./runs.ts";

/** Table 16's methods. */
const compared = ["full", "lora-qv", "prefix-embedding", "prefix-layer"];

/** Each method at each amount, as if that were its size. */
const sized = (methods: readonly StudiedMethod[]): SizedMethod[] =>
  amounts.flatMap((examples) =>
    methods.map((method): SizedMethod => [method, { ...method.sizes[0], size: sizeOf(examples) }])
  );

const examplesOf = ({ size }: Pick<MethodRow, "size">) =>
  amounts.find((examples) => sizeOf(examples) === size)!;

/** Methods on few, more and many examples. */
export const lowData = methodsExperiment({
  ...accuracyValue,
  name: "low-data",
  title: "Few examples",
  question:
    "Which methods still learn from 100 labeled examples? The task is that of “Every method on a classifier”.",
  source: "Hu et al. 2021, appendix F.3, table 16 (MNLI with GPT-3), at small scale",
  settings:
    `${kindsSteps} steps of 16 entries at every number of entries, so that of 10,000 a run reads 8,000, and ` +
    "100 are read 80 times; smaller numbers are a part of larger ones. Rates: those of “Every method on a classifier”, one for all three numbers (decision 0027).",
  shipped,
  runs({ seeds, quick }) {
    const methods = searched.filter(({ key }) => compared.includes(key));
    return withSeeds(sized(quick ? methods.slice(0, 1) : methods), seeds, kindsRateOf)
      .map((chosen) => planReported(chosen, quick, examplesOf(chosen.size)));
  },
  row: kindsRow,
  isPooled: () => true,
  claims: (found) => claimsOn(found, lowDataClaims),
  against: (compared) => compared.cell("full", sizeOf(amounts[0])),
  figure: {
    title: "Table 16 at small scale: accuracy against the number of examples",
    caption: "A mark for each seed ({seeds}), lines through their means. Higher is better.",
  },
  draw(rows, { cells }) {
    const groups = [...Map.groupBy(cells, ({ label }) => label)];
    const colors = colorsOf(groups.map(([label]) => label));
    const data = groups.flatMap(([name, own], place) => {
      const color = colors[place], quiet = { showlegend: false, hoverinfo: "skip" };
      const runs = rows.filter(({ label }) => label === name);
      return [
        line(own, examplesOf, ({ mean }) => mean, { color, width: 1.5 }, quiet),
        dots(runs, examplesOf, ({ value }) => value, { color, size: 9 }, { name }),
      ];
    });
    const layout = baseLayout(logCountAxis("entries to train on"), axis(accuracyValue.heading));
    return { data, layout };
  },
});
