/** `lowrank compare` of adapters that began with the same random values, and of parts of their directions. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { hostTensor } from "../../src/core/tensor.ts";
import { mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { gaussian, rowsOf } from "../../src/linalg/mod.ts";
import { rightDirections, similarityGrid } from "../../src/analysis/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

/** Trains an adapter for a step; returns its folder. */
async function trained(
  folder: string,
  name: string,
  more: string[],
  init?: string,
): Promise<string> {
  const config = { method: { name: "lora", sites: ["q", "v"], init } };
  await lowrankJson(...await trainArgs(folder, `${folder}/${name}`, config), ...more);
  return `${folder}/${name}`;
}

const warning = "started from seed 1: they share directions because of their start";

Deno.test("compare warns of adapters that began with one seed, at other ranks too, and of no others", () =>
  withFolder(async (folder) => {
    const one = await trained(folder, "one", ["--seed", "1", "--rank", "2"]);
    const wider = await trained(folder, "wider", ["--seed", "1", "--rank", "4"]);
    const other = await trained(folder, "other", ["--seed", "2", "--rank", "2"]);
    for (const name of [one, wider]) await Deno.remove(`${name}/run.json`); // the PEFT folder alone
    const pair = await lowrankJson("compare", one, wider);
    assertStringIncludes(pair.warning, `both ${warning}`);
    assertEquals(pair.seeds, [1, 1]);
    const all = pair.modules.map(({ phi }: { phi: number[][] }) => phi.at(-1)!.at(-1)!);
    const ends = [Math.min(...all), Math.max(...all)].map((phi) => phi.toFixed(2)); // its own, no others
    assertEquals(pair.warning.match(/\d\.\d\d/g), [...new Set(ends)]);
    for (const { phi } of pair.modules) assert(phi.at(-1).at(-1) > 0.9); // it is so
    const page = `${folder}/page.html`;
    const { stdout } = await lowrank("compare", one, wider, "--html", page);
    assertStringIncludes(stdout, `warning: both ${warning}`);
    assertStringIncludes(await Deno.readTextFile(page), `both ${warning}`);
    const differing = await lowrankJson("compare", one, other);
    assertEquals([differing.seeds, differing.warning], [[1, 2], undefined]);
    assertEquals((await lowrank("compare", one, other)).stdout.includes("warning"), false);
    const set = await lowrankJson("compare", one, other, wider);
    assertStringIncludes(set.warning, `1 and 3 ${warning}`);
    assertEquals(set.seeds, [1, 2, 1]);
  }));

Deno.test("a start is kept by what follows a training, and unknown where nothing says it", () =>
  withFolder(async (folder) => {
    const one = await trained(folder, "one", ["--seed", "1", "--rank", "2"]);
    const [less, kohya, back] = ["less", "kohya", "back"].map((name) => `${folder}/${name}`);
    await lowrankJson("resize", one, "--rank", "1", "--output", less);
    await lowrankJson("convert", one, "--to", "kohya", "--output", kohya);
    await lowrankJson("convert", kohya, "--output", back);
    const further = `${folder}/further`;
    const args = await trainArgs(folder, further);
    await lowrankJson(...args, "--adapter", one, "--seed", "5");
    await Deno.remove(`${further}/run.json`);
    for (const made of [less, back, further]) {
      const { start } = await readAdapter(made);
      assertEquals(start, { init: "kaiming", seed: 1 }, made);
    }
    const stranger = golden("adapters/peft_c_attn");
    assertEquals((await lowrankJson("compare", stranger, stranger)).seeds, [null, null]);
    // PiSSA begins at the weights: nothing of it is random.
    const pissa = await trained(folder, "pissa", ["--seed", "1", "--rank", "2"], "pissa");
    assertEquals((await lowrankJson("compare", pissa, pissa)).seeds, [null, null]);
  }));

Deno.test("the run.json of a training tells the start where its file does not", () =>
  withFolder(async (folder) => {
    const one = await trained(folder, "one", ["--seed", "1", "--rank", "2"]);
    const { updates } = await readAdapter(one);
    await writeAdapter(one, { updates }); // as files were before
    assertEquals((await readAdapter(one)).start, undefined);
    const other = await trained(folder, "other", ["--seed", "1", "--rank", "1"]);
    assertStringIncludes((await lowrankJson("compare", one, other)).warning, `both ${warning}`);
    await Deno.writeTextFile(`${one}/run.json`, '{"spec": {"seed": "1"}}');
    assertEquals((await lowrankJson("compare", one, one)).seeds, [null, null]);
  }));

const study = (name: string) => `models/rank-study/qv-${name}`;

Deno.test("the shipped adapters tell their seeds, so that compare warns of those of one", async () => {
  const { seeds, ...pair } = await lowrankJson("compare", study("r8-seed1"), study("r4-seed1"));
  assertEquals(seeds, [1, 1]);
  assertStringIncludes(pair.warning, `both ${warning}`);
  const others = await lowrankJson("compare", study("r8-seed1"), study("r8-seed2"));
  assertEquals([others.seeds, others.warning], [[1, 2], undefined]);
});

Deno.test("compare says of an adapter and its copy that they are the same, not that a start is", () =>
  withFolder(async (copy) => {
    const one = study("r8-seed1"), { updates } = await readAdapter(one);
    await writeAdapter(copy, { updates: updates.toReversed() });
    const same = "have the same A and B, so that they share all directions";
    assertEquals((await lowrankJson("compare", one, one)).warning, `both ${same}`);
    assertEquals((await lowrankJson("compare", one, copy)).warning, `both ${same}`);
    const set = await lowrankJson("compare", one, study("r4-seed1"), copy);
    assert(set.warning.startsWith(`1 and 3 ${same}; 1 and 2 ${warning}`), set.warning);
    updates[3].B.data[0] += 1;
    await writeAdapter(copy, { updates });
    assertEquals((await lowrankJson("compare", one, copy)).warning, undefined);
  }));

Deno.test("a start in a file that is none is named", () =>
  withFolder(async (folder) => {
    const { updates } = await readAdapter(golden("adapters/peft_c_attn"));
    await writeAdapter(folder, { updates, start: { init: "kaiming", seed: 2 ** 32 } });
    await assertFails(
      ["inspect", folder],
      'metadata "lowrank.start" must have an init (one of kaiming, gaussian, orthonormal) and a seed',
    );
  }));

Deno.test("compare tells the first direction from the 2nd to the 8th, with chance, and kinds by means", () =>
  withFolder(async (folder) => {
    const random = new Random(4), width = 40, layers = [0, 1, 2];
    const draw = (rows: number, columns: number) =>
      hostTensor([rows, columns], gaussian(rows, columns, random).data);
    const ranks = { q: [9, 8], v: [8, 3] }, folders = ["/one", "/two"].map((end) => folder + end);
    for (const [i, path] of folders.entries()) {
      const updates = layers.flatMap((layer) =>
        (["q", "v"] as const).map((kind) => {
          const rank = ranks[kind][i], module = `model.layers.${layer}.attn.${kind}_proj`;
          const A = draw(rank, width);
          // Both adapters have a strong first direction, and only that in common.
          if (kind === "q") {
            A.data.set(Float32Array.from({ length: width }, (_, j) => j < 2 ? 50 : 0));
          }
          return { module, A, B: draw(12, rank), scaling: 1 };
        })
      );
      await writeAdapter(path, { updates });
    }
    const { modules, kinds } = await lowrankJson("compare", ...folders);
    const [one, two] = await Promise.all(
      folders.map(async (path) => (await readAdapter(path)).updates),
    );
    const expected = layers.map((layer) => {
      const [u, v] = [one, two].map((updates) => rightDirections(updates[2 * layer].A));
      // Of the 2nd to the 8th direction: their own product, not a difference of sums.
      return similarityGrid(rowsOf(u, 1, 7), rowsOf(v, 1, 7))[6][6];
    });
    layers.forEach((layer) => {
      const { first, following, leading, all } = modules[2 * layer].similarities;
      assert(first.value > 0.9 && following.value < 0.4);
      assertAlmostEquals(following.value, expected[layer], 1e-12);
      assertAlmostEquals(leading.value, modules[2 * layer].phi[7][7], 1e-15);
      const chances = [first, following, leading, all].map(({ byChance }) => byChance);
      assertEquals(chances, [1 / width, 7 / width, 8 / width, 9 / width]);
      assertEquals(Object.keys(modules[2 * layer + 1].similarities), ["first", "all"]);
    });
    assertEquals(kinds.map((row: { kind: string; sites: number }) => [row.kind, row.sites]), [
      ["attn.q_proj", 3],
      ["attn.v_proj", 3],
    ]);
    assertAlmostEquals(kinds[0].following.value, mean(expected), 1e-12);
    assertAlmostEquals(kinds[0].following.byChance, 7 / width, 1e-15);
    assertEquals(kinds[1].leading, undefined);
    const { stdout } = await lowrank("compare", ...folders);
    const [titles, row] = stdout.split("\n").map((line) => line.trim().split(/\s{2,}/));
    assertEquals(titles.slice(2), ["phi(1, 1)", "phi(2..8)", "phi(8, 8)", "phi of all", "angle"]);
    assertEquals(row[3], `${expected[0].toFixed(3)} (0.175)`);
  }));

Deno.test("compare of many modules begins with the means of each kind of layer", () =>
  withFolder(async (folder) => {
    const A = hostTensor([1, 2], [1, 0]), B = hostTensor([2, 1], [1, 1]);
    const updates = Array.from({ length: 25 }, (_, layer) => ({
      ...{ module: `model.layers.${layer}.mlp.up`, A, B, scaling: 1 },
    }));
    await writeAdapter(folder, { updates });
    const { stdout } = await lowrank("compare", folder, folder);
    assertEquals(stdout.split("\n").slice(2, 6), [
      "means by kind  sites  phi(1, 1)      phi of all",
      "mlp.up            25  1.000 (0.500)  1.000 (0.500)",
      "",
      "module     directions  phi(1, 1)      phi of all     angle",
    ]);
  }));
