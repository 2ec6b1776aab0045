/** Figures of the study of a real decoder beside numpy's, which has them from the shipped rows and adapters alone. */

import "../../support/open_lapack.ts";
import { assert, assertEquals } from "@std/assert";
import { aboveBest } from "../../../experiments/methods/budget/budget.ts";
import { realAmplificationStudy } from "../../../experiments/rank_real/amplification.ts";
import { realRanks } from "../../../experiments/rank_real/rank_claims.ts";
import { judgedHere } from "../../../experiments/rank_real/subspaces.ts";
import shipped from "../../../experiments/rank_real/losses.json" with { type: "json" };
import type { RealRows } from "../../../experiments/rank_real/rows.ts";
import { adaptersFolder } from "../../../experiments/rank_real/shipped_adapters.ts";
import { phi } from "../../../src/analysis/subspaces.ts";
import { mean } from "../../../src/core/numbers.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";

/** The numbers that numpy prints. */
interface Figures {
  readonly means: Readonly<Record<string, number>>;
  readonly above: number;
  readonly noise: number;
  readonly top: Readonly<Record<string, number>>;
  readonly inDelta: Readonly<Record<string, number>>;
  readonly factor: Readonly<Record<string, number>>;
}

async function numpyFigures(): Promise<Figures> {
  const files = ["experiments/rank_real/losses.json", adaptersFolder];
  const { code, text } = await runPython("scripts/golden/check_rank_real.py", files);
  assertEquals(code, 0, text);
  return JSON.parse(text);
}

const exact = { relative: 1e-12, absolute: 1e-12 }, close = { relative: 1e-6, absolute: 1e-9 };

/** The mean of the numbers of some adapters, by the rest of their keys. */
function meansBy(values: Readonly<Record<string, number>>, keyOf: (key: string) => string) {
  const groups = Map.groupBy(Object.entries(values), ([key]) => keyOf(key));
  return new Map([...groups].map(([key, own]) => [key, mean(own.map(([, value]) => value))]));
}

Deno.test({
  name: "losses, noise, shared directions and Table 7 are numpy's",
  ignore: !await pythonHas("numpy"),
  fn: async () => {
    const figures = await numpyFigures();
    const { compared } = realRanks(shipped.rows as unknown as RealRows)!;
    for (const cell of compared.cells) {
      assertAllClose([cell.mean], [figures.means[cell.key]], { ...exact, what: cell.key });
    }
    assertAllClose([aboveBest(compared), compared.noise], [figures.above, figures.noise], exact);
    await assertTops(figures);
    await assertTable7(figures);
  },
});

async function assertTops({ top }: Figures): Promise<void> {
  const means = meansBy(top, (key) => key.split("|").slice(2).join("|"));
  const [judged] = await judgedHere();
  assert(judged.modules.length === means.size && means.size === 12);
  for (const { layer, site, ranks } of judged.modules) {
    const what = `${layer}|${site}`;
    assertAllClose([phi(ranks, 1, 1)], [means.get(what)!], { ...close, what });
  }
}

async function assertTable7({ inDelta, factor }: Figures): Promise<void> {
  using device = await openCpuDevice();
  const signal = new AbortController().signal, options = { quick: false, full: false, seeds: [1] };
  const { tables } = await realAmplificationStudy.run({
    ...{ ...options, device, signal, out: "", report() {} },
  });
  const keyOf = (key: string) => {
    const [, rank, layer] = /^qv-(\d+)-.*\|(\d+)$/.exec(key)!;
    return `${rank}|${Number(layer) + 1}`;
  };
  const inside = meansBy(inDelta, keyOf), factors = meansBy(factor, keyOf);
  const rows = tables[0].rows.filter(({ rank }) => inside.has(`${rank}|1`));
  assertEquals(rows.length, inside.size);
  for (const row of rows) {
    const what = `${row.rank}|${row.layer}`;
    const wanted = [inside.get(what)!, factors.get(what)!];
    assertAllClose([row.inDelta, row.factor] as number[], wanted, { ...close, what });
  }
}
