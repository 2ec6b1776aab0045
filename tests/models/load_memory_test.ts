/** Peak memory of a process that loads a model on the CPU. */

import { assert } from "@std/assert";
import { countParameters } from "../../src/architectures/architecture.ts";
import { fourBitTensors } from "../../src/architectures/registry.ts";
import { architectureOf, type ConfigJson } from "../../src/architectures/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { root, rootPath } from "../../scripts/support/source_files.ts";
import { writeSparseModel } from "../support/sparse_model.ts";

const program = `
import { loadModel, openDevice } from "${root.href}mod.ts";
const peak = () => /VmHWM:\\s*(\\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))[1];
const [folder, dtype] = Deno.args;
using device = await openDevice({ kind: "cpu" });
const before = peak();
using model = await loadModel(device, folder, { dtype });
console.log(1024 * (peak() - before));
`;

/** Processes that are asked at most: garbage that waits for a busy processor adds to what one needs. */
const mostProcesses = 8;

/** Fewest bytes by which loading the folder, as a dtype, raises a process's peak; `enough` are few. */
async function loadingBytes(folder: string, enough: number, dtype?: string): Promise<number> {
  await Deno.writeTextFile(`${folder}/program.js`, program);
  const options = [folder, ...dtype ? [dtype] : []];
  let least = Infinity;
  for (let asked = 0; asked < mostProcesses && least > enough; asked++) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${folder}/program.js`, ...options],
      cwd: rootPath,
      stderr: "inherit",
    }).output();
    least = Math.min(least, Number(new TextDecoder().decode(stdout)));
  }
  return least;
}

/** About 140 MB each in F32: a second copy of the largest tensor, or of a file, would be well over a quarter. */
const configs: readonly ConfigJson[] = [
  {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    ...{ vocab_size: 20000, n_positions: 256, n_embd: 768, n_layer: 3, n_head: 12 },
  },
  {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    ...{ vocab_size: 20000, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 7 },
    ...{ num_attention_heads: 9, num_key_value_heads: 3, max_position_embeddings: 256 },
    ...{ rms_norm_eps: 1e-5, tie_word_embeddings: true },
  },
];

const cases = configs.flatMap((config) => [
  { config, dtype: "F32", shards: 1 } as const,
  { config, dtype: "F32", shards: 3 } as const,
  { config, dtype: "BF16", shards: 1 } as const,
]);

for (const { config, dtype, shards } of cases) {
  const files = shards === 1 ? "one file" : `${shards} files`;
  Deno.test({
    name:
      `loading a ${config.model_type} of ${files} in ${dtype} takes 1.25 times its bytes in F32`,
    ignore: Deno.build.os !== "linux", // which tells a process its largest resident size
    async fn() {
      await withFolder(async (folder) => {
        await writeSparseModel(folder, config, { dtype, shards });
        const bytes = 4 * countParameters(architectureOf(config).tensors);
        const share = await loadingBytes(folder, 1.25 * bytes) / bytes;
        assert(share > 0.95 && share <= 1.25, `found ${share.toFixed(3)} times`);
      });
    },
  });
}

for (const config of configs) {
  Deno.test({
    name:
      `loading a ${config.model_type} as nf4 takes what is kept, and a quarter of its bytes in F32`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await withFolder(async (folder) => {
        await writeSparseModel(folder, config, { dtype: "F32", shards: 1 });
        const { tensors } = architectureOf(config), packed = fourBitTensors(architectureOf(config));
        const blocks = countParameters(packed);
        const bytes = 4 * countParameters(tensors), kept = bytes - 4 * blocks + 0.52 * blocks;
        const found = await loadingBytes(folder, kept + 0.25 * bytes, "nf4");
        const share = (found - kept) / bytes;
        assert(share > -0.05 && share <= 0.25, `found ${share.toFixed(3)} times more`);
      });
    },
  });
}
