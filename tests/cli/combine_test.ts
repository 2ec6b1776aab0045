/** `lowrank combine`: sums of adapters in folders, with the error that is printed. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { weightedFolder } from "../../src/cli/commands/combine.ts";
import type { LowRankUpdate } from "../../src/core/update.ts";
import { Random } from "../../src/core/random.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { denseOf, frobeniusNorm, multiply, scaledBy } from "../../src/linalg/mod.ts";
import { goodConfig, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const [one, other, rslora, dora, suffix] = [
  ...["peft_c_attn", "peft_all_linear", "peft_rslora", "peft_dora", "peft_suffix"],
].map((name) => golden(`adapters/${name}`));

const dense = ({ A, B, scaling }: LowRankUpdate) =>
  scaledBy(multiply(denseOf(B), denseOf(A)), scaling);

/** The weights of the base with an adapter. */
async function merged(
  adapter: string,
  folder: string,
): Promise<Map<string, { data: ArrayLike<number> }>> {
  await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", folder);
  return await tensorsOf(folder);
}

const variants = [
  ...["peft_all_linear", "block_qv", "peft_dora", "peft_lora_bias", "peft_bias_all"],
  ...["peft_bias_only", "peft_tokens"],
];
for (const name of variants) {
  Deno.test(`one adapter of weight 1 stays what it is: ${name}`, () =>
    withFolder(async (folder) => {
      const adapter = golden(`adapters/${name}`), alone = `${folder}/alone`;
      const base = name === "peft_dora" ? ["--base", model] : [];
      const { total } = await lowrankJson("combine", adapter, ...base, "--output", alone);
      assert(total.error < 1e-6);
      const config = JSON.parse(await Deno.readTextFile(`${alone}/adapter_config.json`));
      assertEquals([config.use_rslora, config.use_dora], [false, false]);
      assertEquals([config.lora_alpha, config.alpha_pattern], [config.r, config.rank_pattern]);
      const before = await merged(adapter, `${folder}/before`);
      const after = await merged(alone, `${folder}/after`);
      assertEquals([...after.keys()].sort(), [...before.keys()].sort());
      for (const [key, { data }] of before) {
        assertAllClose(after.get(key)!.data, data, { absolute: 1e-6, relative: 1e-6, what: key });
      }
    }));
}

Deno.test("a sum of variants, DoRA and biases among them, changes the base by the sum of what each does", () =>
  withFolder(async (folder) => {
    const parts = [[rslora, 0.5], [dora, -0.25], [golden("adapters/peft_lora_bias"), 2]] as const;
    const out = `${folder}/out`;
    const args = parts.map(([adapter, weight]) => `${adapter}:${weight}`);
    await lowrankJson("combine", ...args, "--base", model, "--output", out);
    const own = await tensorsOf(model), sum = await merged(out, `${folder}/sum`);
    const each: Awaited<ReturnType<typeof merged>>[] = [];
    for (const [i, [adapter]] of parts.entries()) {
      each.push(await merged(adapter, `${folder}/${i}`));
    }
    for (const [key, { data }] of own) {
      const expected = Float64Array.from(
        data,
        (value, i) =>
          value + parts.reduce((change, [, weight], p) => {
            return change + weight * (each[p].get(key)!.data[i] - value);
          }, 0),
      );
      assertAllClose(sum.get(key)!.data, expected, { absolute: 3e-6, relative: 1e-5, what: key });
    }
  }));

Deno.test("the printed error is the measured one, whatever the method, and the least is below it", () =>
  withFolder(async (folder) => {
    const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
    const density = ["--density", "0.4"], weights = [0.5, -1.5];
    for (
      const options of [
        [],
        ["--rank", "3", "--dtype", "bf16"],
        ["--method", "ties_svd", ...density],
        ["--method", "dare_linear_svd", ...density, "--seed", "4"],
        ["--method", "magnitude_prune_svd", ...density, "--rank", "5"],
      ]
    ) {
      const adapters = [`${one}:${weights[0]}`, `${other}:${weights[1]}`];
      const { modules, total } = await lowrankJson(
        "combine",
        ...adapters,
        ...options,
        "--output",
        folder,
      );
      const written = (await readAdapter(folder)).updates;
      assertEquals(modules.length, 8);
      let [wrong, all] = [0, 0];
      for (const { name, rank, norm, error, least } of modules) {
        const update = written.find(({ module }) => module === name)!, found = dense(update).data;
        assertEquals(update.A.shape[0], rank);
        const terms = ["peft_c_attn", "peft_all_linear"].map((from) =>
          deltas.get(`delta.${from}.${name}`)
        );
        const sum = found.map((_, i) =>
          terms.reduce((sum, term, t) => sum + weights[t] * (term?.data[i] ?? 0), 0)
        );
        const size = Math.hypot(...sum),
          rest = Math.hypot(...sum.map((value, i) => value - found[i]));
        // PEFT's deltas are rounded to F32 themselves.
        assertAllClose([norm, error], [size, rest / size], { relative: 1e-6, absolute: 2e-7 });
        assert(least <= error + 1e-12);
        [wrong, all] = [wrong + (error * norm) ** 2, all + norm ** 2];
      }
      assertAllClose([total.error], [Math.sqrt(wrong / all)], { relative: 1e-12, absolute: 0 });
    }
  }));

Deno.test("the table names ranks and errors, and the command says what it wrote", async () => {
  await withFolder(async (folder) => {
    const { code, stdout } = await lowrank(
      "combine",
      one,
      `${other}:-1`,
      "--rank",
      "2",
      "--output",
      folder,
    );
    assertEquals(code, 0);
    const [titles] = stdout.split("\n");
    assertEquals(titles.trim().split(/\s{2,}/), [
      "module",
      "ranks before",
      "rank",
      "|dW|",
      "error",
      "least",
    ]);
    assertStringIncludes(stdout, "  4 + 2 ");
    assertStringIncludes(stdout, `\nwrote the adapter to ${folder}, in F32\n`);
    assertStringIncludes(stdout, ` evaluate --model BASE --adapter ${folder} --data FILE`);
  });
});

Deno.test("what was trained in full is summed around the base, which is needed unless weights sum to 1", () =>
  withFolder(async (folder) => {
    const [all, tokens] = ["peft_bias_all", "peft_tokens"].map((name) =>
      golden(`adapters/${name}`)
    );
    const output = ["--output", `${folder}/out`];
    await assertFails(
      ["combine", `${all}:0.5`, ...output],
      "combine needs --base with transformer.h.0.attn.c_attn.bias, which was trained in full, or weights of its " +
        "adapters that sum to 1, found 0.5",
    );
    await assertFails(
      ["combine", `${tokens}:2`, ...output],
      "with row 3 of transformer.wte, which was trained",
    );
    assertEquals(filesIn(folder), []);
    const own = await tensorsOf(model);
    for (
      const [adapter, key] of [[all, "transformer.h.1.mlp.c_fc.bias"], [
        tokens,
        "transformer.wte.weight",
      ]]
    ) {
      await lowrankJson("combine", `${adapter}:0.5`, "--base", model, ...output);
      const [half, whole] = [
        ...[
          await merged(`${folder}/out`, `${folder}/half`),
          await merged(adapter, `${folder}/whole`),
        ],
      ].map((weights) => weights.get(key)!.data);
      const middle = Float64Array.from(own.get(key)!.data, (value, i) => (value + whole[i]) / 2);
      assertAllClose(half, middle, { absolute: 1e-6, what: key });
    }
  }));

Deno.test("sites of one weight stay apart, unless another adapter has the whole weight", () =>
  withFolder(async (folder) => {
    const study = "models/rank-study/qv-r8-seed", output = ["--output", `${folder}/out`];
    const { modules } = await lowrankJson("combine", `${study}1:0.5`, `${study}2:0.5`, ...output);
    const names = [0, 1].flatMap((h) =>
      ["q", "v"].map((role) => `transformer.h.${h}.attn.c_attn:${role}`)
    );
    assertEquals(modules.map(({ name }: { name: string }) => name), names);
    assertEquals(
      modules.map(({ ranks, rank }: Record<string, unknown>) => [ranks, rank]),
      names.map(() => [[8, 8], 16]),
    );
    // The same difference in two ways: A − B from both, or from the sum less 2 B.
    const [sites, plain] = [golden("adapters/block_qv"), golden("adapters/peft_c_attn")];
    const mixed = await lowrankJson("combine", sites, plain, ...output);
    assertEquals(mixed.modules[0].ranks, [4, 4]);
    const [a, b, c] = await Promise.all([sites, plain, `${folder}/out`].map(async (each) => {
      return dense((await readAdapter(each)).updates[0]);
    }));
    assertAllClose(c.data, a.data.map((value, i) => value + b.data[i]), {
      absolute: 1e-6 * frobeniusNorm(c),
    });
  }));

Deno.test("sites that share some rows are summed as updates of the whole weight", () =>
  withFolder(async (folder) => {
    const draw = (rows: number, columns: number, seed: number) => {
      const random = new Random(seed);
      const data = Float32Array.from({ length: rows * columns }, () => random.normal());
      return { shape: [rows, columns], data };
    };
    const sites = [
      { role: "q", rows: { start: 0, count: 4 } }, // as a part with a name,
      { rows: { start: 2, count: 6 } }, // half of it and more,
      { rows: { start: 0, count: 4 } }, // and all of it without the name
    ] as const;
    const updates = sites.map((site, i): LowRankUpdate => ({
      ...{ module: "h.0.attn.c_attn", outputs: 12, ...site, scaling: i + 0.5 },
      ...{ A: draw(2, 5, i), B: draw(site.rows.count, 2, i + 9) },
    }));
    for (const [i, update] of updates.entries()) {
      await writeAdapter(`${folder}/${i}`, { updates: [update] });
    }
    const out = `${folder}/out`, weights = [1, -2, 0.5];
    for (const used of [[0, 1], [0, 2], [0, 1, 2]]) {
      const args = used.map((i) => `${folder}/${i}:${weights[i]}`);
      const { modules } = await lowrankJson("combine", ...args, "--output", out);
      assertEquals(modules.map(({ name }: { name: string }) => name), ["h.0.attn.c_attn"]);
      const expected = new Float64Array(12 * 5);
      for (const i of used) {
        const { rows: { start } } = sites[i];
        dense(updates[i]).data.forEach((value, at) =>
          expected[5 * start + at] += weights[i] * value
        );
      }
      const [sum] = (await readAdapter(out)).updates;
      assertAllClose(dense(sum).data, expected, { absolute: 1e-5 });
    }
    const rows = await lowrankJson("compare", `${folder}/0`, `${folder}/1`);
    assertStringIncludes(JSON.stringify(rows), '"h.0.attn.c_attn"');
  }));

Deno.test("two small factors do not make combine form a large update", () =>
  withFolder(async (folder) => {
    const prefix = "base_model.model.h.0.attn.q_proj.lora_", size = 2 ** 15;
    await writeRawAdapter(folder, { ...goodConfig, r: 1, target_modules: ["q_proj"] }, {
      [`${prefix}A.weight`]: matrix(1, size),
      [`${prefix}B.weight`]: matrix(size, 1),
    });
    const output = ["--density", "0.5", "--output", `${folder}/out`];
    await assertFails(
      ["combine", folder, `${folder}:2`, "--method", "ties_svd", ...output],
      "combining by ties_svd forms updates as matrices of at most 536870912 values, found [32768, 32768] in the sum",
    );
  }));

Deno.test("a weight follows the last colon, unless that is a drive's or the hub's", () => {
  for (
    const [text, folder, weight] of [
      ["out/a", "out/a", 1],
      ["out/a:-0.5", "out/a", -0.5],
      ["out/a:1e2", "out/a", 100],
      ["a:b:2", "a:b", 2],
      ["hf:me/adapter", "hf:me/adapter", 1],
      ["hf:me/adapter@main:0.5", "hf:me/adapter@main", 0.5],
      ["C:\\out\\a", "C:\\out\\a", 1],
      ["C:\\out\\a:3", "C:\\out\\a", 3],
    ] as const
  ) assertEquals(weightedFolder(text), { folder, weight });
});

Deno.test("bad input is refused in one sentence, and nothing is lost", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`, output = ["--output", out];
    await lowrankJson("combine", one, ...output);
    const before = await Deno.readFile(`${out}/adapter_model.safetensors`), files = filesIn(out);
    const write = async (
      name: string,
      update: Partial<LowRankUpdate>,
      baseModelName = "gpt2_tiny",
    ) => {
      const { updates: [first] } = await readAdapter(one);
      await writeAdapter(`${folder}/${name}`, {
        updates: [{ ...first, ...update }],
        baseModelName,
      });
      return `${folder}/${name}`;
    };
    const elsewhere = await write("elsewhere", { module: "model.layers.0.q_proj" });
    const llama = await write("llama", {}, "meta/llama");
    for (
      const [args, ...sentence] of [
        [
          [`${one}:half`],
          "an adapter to combine is FOLDER or FOLDER:WEIGHT with a number",
          `:half"`,
        ],
        [[`${one}:`], "FOLDER:WEIGHT with a number"],
        [["a=0.5"], 'an adapter\'s weight is after a colon, as in a:0.5, found "a=0.5"'],
        [
          [one, "--weights", "1"],
          "unknown option '--weights': an adapter's weight is after a colon",
        ],
        [[`${one}:Infinity`], "FOLDER:WEIGHT with a number"],
        [[`${one}:1e-300`], "with its weight must not vanish in F32, found 2e-300"],
        [["nowhere:0.5"], "cannot read the adapter in nowhere: there is no such folder"],
        [[one, model], "it holds a model (model.safetensors)"],
        [[one, elsewhere], "combine needs adapters that share modules, found", "give --base"],
        [
          [one, llama],
          'combine needs adapters of one base, found "gpt2_tiny" in',
          '"meta/llama" in',
          "give --base",
        ],
        [
          [one, elsewhere, "--base", model],
          "must have one weight of model.layers.0.q_proj, found none",
        ],
        [
          [one, other, "--rank", "9"],
          "the rank must be at most 8, which is all that the sum can have, found 9",
        ],
        [
          [one, rslora, "--method", "ties"],
          "combining by ties needs a density above 0 and at most 1, found none: pass density, or --density",
        ],
        [[one, rslora, "--method", "mean"], "Allowed choices are exact"],
        [
          [one, dora, "--rank", "4"],
          "combine needs --base for DoRA, whose change of a weight depends on that weight",
        ],
        [[], "missing required argument 'adapters'"],
      ] as [string[], ...string[]][]
    ) await assertFails(["combine", ...args, ...output], ...sentence);
    await assertFails(
      ["combine", one, out, ...output],
      "the output must not be one of the adapters, found",
    );
    await assertFails(["combine", one, "--output", model], "already holds a model");
    assertEquals(await Deno.readFile(`${out}/adapter_model.safetensors`), before);
    assertEquals(filesIn(out), files);
    // With the base, that adapters have no module in common is fine.
    await lowrankJson("combine", one, suffix, "--base", model, ...output);
    await lowrankJson("combine", one, llama, "--base", model, ...output);
  }));
