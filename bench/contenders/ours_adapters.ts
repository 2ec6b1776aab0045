/** Lowrank's side of `deno task bench:adapters`: `ours_adapters.ts`, or `ours_adapters.ts save FOLDER`; see `../many_adapters.ts`. @module */

import { join } from "node:path";
import { injectUpdates, loadModel, openDevice, Tape } from "../../mod.ts";
import { shareBase } from "../../src/runs/mod.ts";
import {
  batchRows,
  openVariant,
  randomAdapter,
  ruledRank,
  type Variant,
} from "../../experiments/cost/random_adapters.ts";
import { timeInTurns } from "../../experiments/frame/turns.ts";
import {
  type AdaptersReport,
  baseFolder,
  cases,
  rowLength,
  timedRounds,
} from "../many_adapters.ts";
import { tokens } from "../workloads.ts";

const [command, folder] = Deno.args, most = Math.max(...cases.map(({ count }) => count));
using device = await openDevice({ kind: "cpu", threads: 2 });
using base = await loadModel(device, baseFolder);
if (command === "save") {
  for (let i = 0; i < most; i++) {
    using adapter = injectUpdates(shareBase(base), randomAdapter(base, ruledRank, 1, i));
    await adapter.save(join(folder, `${i}`));
  }
} else {
  console.log(JSON.stringify(await measure()));
}

async function measure(): Promise<AdaptersReport> {
  using owner = new DisposableStack();
  const data = tokens(901, batchRows * rowLength, base.vocabulary);
  const inputs = { tokens: { shape: [batchRows, rowLength], data } }, found: number[][] = [];
  const work = cases.map(({ kind, count }, i) => {
    const variant: Variant = { kind, adapters: count, ranks: count > 0 ? [ruledRank] : [] };
    const model = openVariant(base, variant, 1, owner);
    return async () => {
      using tape = new Tape(device, { record: false });
      const logits = model.forward(tape, inputs);
      await device.read(logits.view([1])); // Waits until all is computed.
      if (found[i]) return;
      const last = Array.from({ length: batchRows }, async (_, row) => {
        const at = ((row + 1) * rowLength - 1) * base.vocabulary;
        return (await device.read(logits.view([base.vocabulary], at)))[0].data;
      });
      found[i] = (await Promise.all(last)).flatMap((row) =>
        [...row].filter((_, j) => j % 64 === 0)
      );
    };
  });
  const times = await timeInTurns(work, timedRounds, new AbortController().signal);
  const results = times.map(({ minimum, median }, i) => ({ minimum, median, check: found[i] }));
  return { device: device.description, results };
}
