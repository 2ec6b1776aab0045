import { assert, assertEquals, assertRejects } from "@std/assert";
import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { siteName } from "../../src/core/update.ts";
import { AdapterReader } from "../../src/formats/peft/folder.ts";
import { type LowRankUpdate, readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { comparableUpdates, sharedBasisFigure, sharedDirections } from "../../src/inspect/mod.ts";
import { eachShared, isSameAdapter } from "../../src/inspect/compare.ts";
import { gaussian } from "../../src/linalg/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";

const tensor = (rows: number, columns: number, first: number) => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, i) => first + i),
});

const update = (module: string, seed: number, out = 6): LowRankUpdate => (
  { module, A: tensor(2, 4, seed), B: tensor(out, 2, seed + 1), scaling: 2 }
);

const site = (module: string, start: number, seed: number): LowRankUpdate => (
  { ...update(module, seed, 2), rows: { start, count: 2 }, outputs: 6 }
);

/** The pairs that are read one by one, and the names of all updates. */
async function read(folders: readonly [string, string]) {
  using one = await AdapterReader.open(folders[0], {});
  using other = await AdapterReader.open(folders[1], {});
  const pairs: LowRankUpdate[][] = [];
  const names = await eachShared([one, other], (pair) => {
    pairs.push([...pair]);
    return Promise.resolve();
  });
  return { pairs, names };
}

Deno.test("pairs that are read one by one are those of adapters in memory: sites, joined sites, longer names", () =>
  withFolder(async (folder) => {
    const adapters: [LowRankUpdate[], LowRankUpdate[]] = [
      [site("h.0.c", 0, 1), site("h.0.c", 4, 2), update("h.1.c", 3), update("h.2.c", 4)],
      [
        update("model.h.2.c", 5),
        ...[site("model.h.1.c", 2, 6), site("model.h.1.c", 4, 7)],
        ...[site("model.h.0.c", 0, 8), site("model.h.0.c", 2, 9), update("model.g.c", 10)],
      ],
    ];
    const folders: [string, string] = [`${folder}/one`, `${folder}/other`];
    for (const [i, path] of folders.entries()) await writeAdapter(path, { updates: adapters[i] });
    for (const order of [folders, folders.toReversed() as [string, string]]) {
      const records = await Promise.all(order.map((path) => readAdapter(path)));
      const [first, second] = comparableUpdates(records.map(({ updates }) => updates));
      const named = new Map(second.map((other) => [siteName(other), other]));
      const expected = first.filter((own) => named.has(siteName(own)));
      const { pairs, names } = await read(order);
      assertEquals(names, [first, second].map((updates) => updates.map(siteName)));
      assertEquals(pairs, expected.map((own) => [own, named.get(siteName(own))!]));
      assertEquals(pairs.length, 3);
    }
  }));

Deno.test("an update that only the second adapter has is read, and so is checked", () =>
  withFolder(async (folder) => {
    const folders: [string, string] = [`${folder}/one`, `${folder}/other`], broken = update("b", 2);
    await writeAdapter(folders[0], { updates: [update("a", 1)] });
    await writeAdapter(folders[1], { updates: [update("a", 1), broken] });
    const file = `${folders[1]}/adapter_model.safetensors`, bytes = await Deno.readFile(file);
    bytes.fill(0xff, bytes.length - 4); // NaN
    await Deno.writeFile(file, bytes);
    await assertRejects(() => read(folders), Error, "must be finite");
  }));

Deno.test("adapters are the same in any order of their updates, and not where a value or a scaling differs", () => {
  const one = [update("a", 1), update("b", 2)], [first, second] = one;
  assertEquals(isSameAdapter(one, one.toReversed()), true);
  assertEquals(isSameAdapter(one, [first]), false);
  assertEquals(isSameAdapter([first], one), false);
  for (const other of [update("b", 3), update("c", 2), { ...second, scaling: 1 }]) {
    assertEquals(isSameAdapter(one, [first, other]), false);
  }
});

Deno.test("the mark of random directions is over that of none shared, and shorter", () => {
  const random = new Random(1);
  const draw = (): LowRankUpdate => ({
    ...{ module: "a", scaling: 1 },
    A: hostTensor([2, 64], gaussian(2, 64, random).data),
    B: hostTensor([64, 2], gaussian(64, 2, random).data),
  });
  const { modules } = sharedDirections([[draw()], [draw()]], { seed: 1 });
  const { data } = sharedBasisFigure(modules, "inputs");
  const marks = data.slice(1).map(({ name, marker }) => ({ name, ...marker as { size: number } }));
  assertEquals(marks.map(({ name }) => name), ["if none is shared", "of random directions"]);
  assert(marks[0].size > marks[1].size);
});
