/** Cost of a batch whose rows have adapters of their own. @module */

import { Tape } from "../../src/autograd/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import { loadBase } from "../base_model.ts";
import { type Experiment, experiment, type ExperimentContext } from "../frame/mod.ts";
import { timeInTurns } from "../quantized/speed/turns.ts";
import {
  type ManyAdapters,
  manyAdaptersClaims,
  ruledSets,
  timesOfOne,
  type VariantTimes,
} from "./claims.ts";
import { compareRows } from "./equality.ts";
import {
  allVariants,
  batchRows,
  openVariant,
  randomBatch,
  ruledRank,
  ruledVariants,
} from "./variants.ts";

/** Tokens of a row. */
const lengthOf = ({ quick }: ExperimentContext): number => quick ? 2 : 16;

async function measure(context: ExperimentContext): Promise<ManyAdapters> {
  const { device, seeds: [seed], report } = context, length = lengthOf(context);
  report(0, "comparing rows");
  const own = await compareRows(device, seed, length);
  using plain = await openCpuDevice({ blas: false });
  const differences = [own, await compareRows(plain, seed, length)] as const;
  report(0.2, "timing passes");
  return { times: await timePasses(context, length), differences };
}

async function timePasses(
  { device, seeds: [seed], quick, full, signal }: ExperimentContext,
  length: number,
): Promise<VariantTimes[]> {
  using base = await loadBase(device);
  using owner = new DisposableStack();
  const variants = full ? allVariants : ruledVariants;
  const models = variants.map((variant) => openVariant(base, variant, seed, owner));
  const inputs = randomBatch(base, length, seed);
  const work = models.map((model) => async () => {
    using tape = new Tape(device, { record: false });
    await device.read(model.forward(tape, inputs).view([1])); // Waits until all is computed.
  });
  const times = await timeInTurns(work, quick ? 1 : 25, signal);
  return variants.map((variant, i) => ({ ...variant, ...times[i] }));
}

const rankText = ({ ranks }: VariantTimes): string =>
  ranks.length > 1 ? `${ranks[0]} to ${ranks.at(-1)}` : ranks.join("");

const kinds = { single: "one adapter", set: "a set" } as const;

const kindText = ({ kind }: VariantTimes): string =>
  kind === "single" || kind === "set" ? kinds[kind] : kind;

/** Time by number of adapters. */
function timeFigure(found: ManyAdapters): Figure {
  const sets = ruledSets(found), x = sets.map(({ adapters }) => adapters);
  const flat = (name: string, kind: VariantTimes["kind"]) => {
    const { minimum } = found.times.find((one) => one.kind === kind)!;
    return { name, x, y: x.map(() => minimum), dashed: true };
  };
  return linesFigure(
    {
      id: "many-adapters",
      title: "The time of a pass whose rows have adapters of their own",
      caption:
        `${batchRows} rows, adapters of rank ${ruledRank} on all linear layers. The least of the rounds; dashed: one ` +
        "adapter for all rows, and the base.",
      x: { title: "adapters in the batch", log: true },
      y: { title: "ms" },
    },
    [
      { name: "a set", x, y: sets.map(({ minimum }) => minimum) },
      flat("one adapter", "single"),
      flat("the base", "base"),
    ],
  );
}

/** Overhead against the number of adapters and their rank. */
export const manyAdapters: Experiment = experiment<never, ManyAdapters>({
  name: "many-adapters",
  seconds: 15,
  title: "Many adapters in one batch",
  question:
    "What does a pass cost whose rows have adapters of their own, against one adapter for all?",
  source: "Hu et al. 2021, section 4.1 leaves it open; Punica, Chen et al. 2023",
  beyond: true,
  rows: (_, context) => measure(context),
  seeds: "{seed}",
  settings: (found, context) =>
    `Forward passes of the small base, ${batchRows} rows of ${
      lengthOf(context)
    } tokens, all logits; adapters of ` +
    `random values on all linear layers, which rows take in turn; ${
      found.times[0].rounds
    } rounds, all taking turns. ` +
    "Decision 0038 has the rules.",
  claims: manyAdaptersClaims,
  tables: [(found) =>
    table<VariantTimes>({
      id: "many-adapters",
      title: "The time of a pass",
      columns: [
        ["kind", "model", "text", kindText],
        ["adapters", "adapters", "count"],
        ["rank", "rank", "text", rankText],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["times", "times one of its rank", "number", (row) => timesOfOne(found, row)?.ratio],
      ],
      rows: found.times,
    })],
  figures: [timeFigure],
});
