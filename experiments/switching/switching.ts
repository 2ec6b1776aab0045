/** What a switch from one task to another costs. @module */

import { grouped } from "../../src/core/numbers.ts";
import {
  axis,
  barsAcross,
  baseLayout,
  type Figure,
  palette,
  table,
} from "../../src/figures/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import { measureSwitching, type Switching, type SwitchRow } from "./measure.ts";
import { switchedRank, type Way } from "./ways.ts";

/** The most that a switch from disk may read, of the bytes of all parameters. */
const mostRead = 0.1;

/** The rows of each model. */
const modelsOf = (
  { rows }: Switching,
): SwitchRow[][] => [...Map.groupBy(rows, ({ model }) => model).values()];

const find = (rows: readonly SwitchRow[], way: Way["name"]): SwitchRow =>
  rows.find((row) => row.way === way)!;

const ms = (time: number): string => `${time.toFixed(time < 10 ? 1 : 0)} ms`;

const isCheap: Claim<Switching> = {
  text: "Switching an adapter costs much less than switching all parameters",
  rule:
    `when of every model a switch from disk reads at most ${
      100 * mostRead
    }% of the bytes of all parameters, and ` +
    "both it and a switch in memory take less time than loading all parameters",
  scale: true,
  ...said.cheapSwitching,
  ours: (found) =>
    modelsOf(found).map((rows) => {
      const [memory, disk, all] = judged(rows);
      return `${ms(memory.minimum)} in memory, ${ms(disk.minimum)} from disk, all parameters ${
        ms(all.minimum)
      }`;
    }).join("; "),
  holds: (found) =>
    modelsOf(found).every((rows) => {
      const [memory, disk, all] = judged(rows);
      return disk.read <= mostRead * all.read && memory.minimum < all.minimum &&
        disk.minimum < all.minimum;
    }),
  found: (found) =>
    modelsOf(found).map((rows) => {
      const [, disk, all] = judged(rows);
      return `${rows[0].model}: ${grouped(disk.read)} bytes are read instead of ${
        grouped(all.read)
      }.`;
    }).join(" "),
};

const judged = (rows: readonly SwitchRow[]): SwitchRow[] =>
  (["in memory", "from disk", "all parameters"] as const).map((way) => find(rows, way));

const leavesNoTrace: Claim<Switching> = {
  text: "A switch leaves no trace in the weights",
  rule:
    "when after 100 switches between two adapters and the base the weights have the bits of a new merge",
  beyond: true,
  ours: ({ changed }) => `${changed} weights with other bits`,
  holds: ({ changed }) => changed === 0,
};

/** The two of decision 0041. */
export const switchingClaims: readonly Claim<Switching>[] = [isCheap, leavesNoTrace];

/** The least times as bars, of one model. */
const timeFigure = (rows: readonly SwitchRow[], i: number): Figure => ({
  id: `switching-${i + 1}`,
  title: `The time of a switch: ${rows[0].model}`,
  caption: `Two adapters of rank ${switchedRank} on all linear layers. The least of ${
    rows[0].rounds
  } rounds.`,
  data: [barsAcross(rows, ({ minimum }) => minimum, ({ way }) => way, { color: palette.lora[0] })],
  layout: baseLayout(axis("ms"), axis("", { autorange: "reversed" }), { height: 240 }),
});

/** Times and bytes of a switch against loading all parameters. */
export const switching: Experiment = experiment<never, Switching>({
  name: "switching",
  title: "What it costs to switch tasks",
  question: "What does a switch from one adapter to another cost, against loading all parameters?",
  source: "Hu et al. 2021, section 4.2",
  rows: (_, context) => measureSwitching(context),
  seeds: "{seed}",
  settings: ({ rows }) =>
    `Two adapters of random values, rank ${switchedRank} on all linear layers; ${
      rows[0].rounds
    } rounds, all ways ` +
    "taking turns, until a weight can be read. Files are in the system's cache. Decision 0041 has the rules.",
  claims: switchingClaims,
  tables: [({ rows }) =>
    table<SwitchRow>({
      id: "switching",
      title: "The cost of a switch",
      columns: [
        ["model", "model", "text"],
        ["way", "switch", "text"],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["read", "bytes read from files", "bytes"],
        ["peak", "bytes at the peak", "bytes"],
        ["live", "bytes afterwards", "bytes"],
      ],
      rows,
    })],
  figures: [(found) => modelsOf(found).map(timeFigure)],
});
