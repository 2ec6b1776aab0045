/** Few examples: table 16. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { type ChosenMethod, MethodComparison, type MethodRow } from "../comparison.ts";
import type { StudiedMethod } from "../methods.ts";
import { accuracyValue, meansTable, runsTable } from "../pictures.ts";
import { axis, baseLayout, dots, line, logCountAxis, palette } from "../../../src/figures/mod.ts";
import { lowDataClaims } from "./claims.ts";
import { kindsMethods } from "./methods.ts";
import { kindsRateOf, kindsRow, planReported } from "./reported.ts";
import { kindsSteps } from "./runs.ts";

type Rows = readonly MethodRow[];

/** Entries to train on. */
const amounts = [100, 1000, 10_000];

const sizeOf = (examples: number) => `${grouped(examples)} entries`;

/** Table 16's methods. */
const compared = ["full", "lora-qv", "prefix-embedding", "prefix-layer"];

/** Each method at each amount, as if that were its size. */
const sized = (methods: readonly StudiedMethod[]) =>
  amounts.flatMap((examples) =>
    methods.map((method) => [method, { ...method.sizes[0], size: sizeOf(examples) }] as const)
  );

const compare = (rows: Rows) => new MethodComparison(rows, "highest", () => true);

const examplesOf = ({ size }: Pick<MethodRow, "size">) =>
  amounts.find((examples) => sizeOf(examples) === size)!;

const colors = [palette.full, palette.lora[1], palette.series[2], palette.series[3]];

/** Methods on few, more and many examples. */
export const lowData: Experiment = experiment<ChosenMethod, Rows>({
  name: "low-data",
  title: "Few examples",
  question:
    "Which methods still learn from 100 labeled examples? The task is that of “Every method on a classifier”.",
  source: "Hu et al. 2021, appendix F.3, table 16 (MNLI with GPT-3), at small scale",
  runs({ seeds, quick }) {
    const methods = kindsMethods.filter(({ key }) => compared.includes(key));
    return withSeeds(sized(quick ? methods.slice(0, 1) : methods), seeds, kindsRateOf)
      .map((chosen) => planReported(chosen, quick, examplesOf(chosen.size)));
  },
  rows: (made) => made.map(kindsRow),
  settings:
    `${kindsSteps} steps of 16 entries at every number of entries; smaller numbers are a part of larger ` +
    "ones. Rates: those of “Every method on a classifier”, one for all three numbers.",
  scale: true,
  claims: (rows) => claimsOn(compare(rows), lowDataClaims),
  tables: [
    (rows) => {
      const all = compare(rows), title = "Accuracy by number of examples, means over the seeds";
      const against = all.cell("full", sizeOf(amounts[0]));
      return meansTable({ id: "low-data-means", title }, all, against, accuracyValue);
    },
    runsTable("low-data", accuracyValue),
  ],
  figures: [(rows) => {
    const { cells } = compare(rows), groups = [...Map.groupBy(cells, ({ label }) => label)];
    return {
      id: "low-data",
      title: "Table 16 at small scale: accuracy against the number of examples",
      caption: "A mark for each seed ({seeds}), lines through their means.",
      data: groups.flatMap(([name, own], place) => {
        const color = colors[place], quiet = { showlegend: false, hoverinfo: "skip" };
        const runs = rows.filter(({ label }) => label === name);
        return [
          line(own, examplesOf, ({ mean }) => mean, { color, width: 1.5 }, quiet),
          dots(runs, examplesOf, ({ value }) => value, { color, size: 9 }, { name }),
        ];
      }),
      layout: baseLayout(logCountAxis("entries to train on"), axis("accuracy (%)")),
    };
  }],
});
