/** Look at an adapter whose base you do not have: what it changes, how, and which models it fits. */

import { Random } from "@lowrank/core";
import { architectureOf, catalog } from "@lowrank/core/architectures";
import { readAdapter, writeAdapter } from "@lowrank/core/formats";
import { describeUpdate } from "@lowrank/core/inspect";

const [folder = await writeSample("out/sample")] = Deno.args;

const { config, updates } = await readAdapter(folder, { updatesOnly: true });
console.log(`made for ${config.baseModelName ?? "a model that it does not name"}`);
for (const update of updates) {
  const { name, rank, frobenius, suggestedRank } = describeUpdate(update, { error: 0.1 });
  console.log(`${name}: size ${frobenius.toFixed(1)}; of rank ${rank}, ${suggestedRank} would do`);
}

// Names and shapes alone tell which published models it can be put on.
const models = Object.entries(catalog).filter(([, { config }]) => {
  const { linears } = architectureOf(config);
  const shapes = new Map(
    linears.map(({ name, outputs, inputs }) => [name, `${outputs} ${inputs}`]),
  );
  return updates.every(({ module, A, B }) => shapes.get(module) === `${B.shape[0]} ${A.shape[1]}`);
});
console.log(`fits ${models.map(([name]) => name).join(", ") || "no model that Lowrank knows"}`);

/** An adapter of Llama-3-8B's shapes, each of whose directions is half as strong as the one before. */
async function writeSample(folder: string): Promise<string> {
  const random = new Random(1), rank = 8;
  const draw = (shape: number[]) => ({ shape, data: random.uniformWithin(1, shape[0] * shape[1]) });
  const updates = ["q_proj", "v_proj"].map((name, i) => {
    const A = draw([rank, 4096]), B = draw([[4096, 1024][i], rank]);
    B.data.forEach((value, at) => B.data[at] = value * 2 ** -(at % rank) / 4096);
    return { module: `model.layers.15.self_attn.${name}`, A, B, scaling: 2 };
  });
  await writeAdapter(folder, { updates, baseModelName: "meta-llama/Meta-Llama-3-8B" });
  return folder;
}
