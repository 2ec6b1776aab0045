/** Look into somebody's adapter: how large it is, how many directions it uses, what rank would do. */

import { readAdapter } from "@lowrank/core/formats";
import { describeUpdate } from "@lowrank/core/inspect";

const [folder = "models/rank-study/qv-r8-seed1"] = Deno.args;

const { config, updates } = await readAdapter(folder, { updatesOnly: true });
console.log(`${folder} adapts ${config.baseModelName ?? "a model that it does not name"}`);

for (const update of updates) {
  const found = describeUpdate(update, { error: 0.3 });
  const [strongest, ...others] = found.singularValues;
  console.log(found.name);
  console.log(`  size ${found.frobenius.toFixed(1)}, rank ${found.rank}`);
  console.log(
    `  strongest direction ${strongest.toFixed(1)}, weakest ${others.at(-1)?.toFixed(1)}`,
  );
  console.log(`  uses about ${found.effectiveRank.toFixed(1)} directions`);
  console.log(`  rank ${found.suggestedRank} is within 30% of it`);
}
