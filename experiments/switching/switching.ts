/** Cost of a switch from one task to another. @module */

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
import {
  allHold,
  type Claim,
  clockRule,
  controlText,
  type Experiment,
  experiment,
  isAtMost,
  type Judgment,
  onQuietMachine,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { measureSwitching, type Switching, type SwitchRow } from "./measure.ts";
import { switchedRank, type Way } from "./ways.ts";

/** The most that a switch from disk may read, of the bytes of all parameters. */
const mostRead = 0.1;

/** The share by which the control may be off. */
const controlShare = 0.1;

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
    `both it and a switch in memory take less time than loading all parameters${
      clockRule("loading them again", controlShare)
    }`,
  scale: true,
  corrected: "2026-11-30, decision 0026",
  ...said.cheapSwitching,
  ours: (found) =>
    modelsOf(found).map((rows) => {
      const [memory, disk, whole] = judged(rows);
      return `${ms(memory.median)} in memory, ${ms(disk.median)} from disk, all parameters ${
        ms(whole.median)
      }`;
    }).join("; "),
  holds: (found) => allHold(modelsOf(found).flatMap((rows) => [readsLittle(rows), isQuick(rows)])),
  found: (found) =>
    modelsOf(found).map((rows) => {
      const [, disk, whole] = judged(rows), [inMemory, fromDisk] = quicker(rows);
      return `${rows[0].model}: ${grouped(disk.read)} bytes are read instead of ${
        grouped(whole.read)
      }; of the time of all parameters ${ratioText(inMemory)} in memory and ${
        ratioText(fromDisk)
      } from disk. ${controlText([controlOf(rows)])}`;
    }).join(" "),
};

const judged = (rows: readonly SwitchRow[]): SwitchRow[] =>
  (["in memory", "from disk", "all parameters"] as const).map((way) => find(rows, way));

function readsLittle(rows: readonly SwitchRow[]): boolean {
  const [, disk, whole] = judged(rows);
  return disk.read <= mostRead * whole.read;
}

const isQuick = (rows: readonly SwitchRow[]): Judgment =>
  onQuietMachine(
    [controlOf(rows)],
    controlShare,
    () => allHold(quicker(rows).map((one) => isAtMost(one, 1, controlShare))),
  );

/** A switch in memory and one from disk, by loading all parameters. */
function quicker(rows: readonly SwitchRow[]): TimeRatio[] {
  const [memory, disk, whole] = judged(rows);
  return [memory, disk].map(({ each }) => ratioOf(each, whole.each));
}

const controlOf = (rows: readonly SwitchRow[]): TimeRatio =>
  ratioOf(find(rows, "all parameters again").each, find(rows, "all parameters").each);

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
  seconds: 8,
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
