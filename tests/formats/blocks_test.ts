import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  blockAdapter,
  type BlockSite,
  type HostTensor,
  readAdapter,
  ShapeError,
  type SiteRows,
  splitBlocks,
} from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { matrix } from "./adapter_folders.ts";

const golden = new URL("../golden/adapters/", import.meta.url).pathname;

const range = (start: number, count: number) => ({ start, count });

const site = (rank: number, rows: SiteRows, scaling = 2): BlockSite => {
  const count = [rows].flat().reduce((sum, { count }) => sum + count, 0);
  return { A: matrix(rank, 3), B: matrix(count, rank), scaling, rows };
};

/** scaling·B·A in float64. */
function product({ A, B, scaling }: { A: HostTensor; B: HostTensor; scaling: number }): number[] {
  const [[out, rank], inner] = [B.shape, A.shape[1]];
  return Array.from({ length: out * inner }, (_, index) => {
    const [row, column] = [Math.floor(index / inner), index % inner];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += B.data[row * rank + k] * A.data[k * inner + column];
    return scaling * sum;
  });
}

/** The sum of the sites' updates, each in its rows. */
function sumOfSites(sites: BlockSite[], out: number): number[] {
  const inner = sites[0].A.shape[1];
  const delta = new Array<number>(out * inner).fill(0);
  for (const one of sites) {
    const update = product(one);
    let from = 0;
    for (const { start, count } of [one.rows].flat()) {
      for (let index = 0; index < count * inner; index++) {
        delta[start * inner + index] = update[from++];
      }
    }
  }
  return delta;
}

Deno.test("A is stacked, B has each site in its rows and columns", () => {
  const { A, B, rank, scaling } = blockAdapter([site(1, range(0, 1)), site(2, range(3, 2))], 5);
  assertEquals([rank, scaling, A.shape, B.shape], [3, 2, [3, 3], [5, 3]]);
  assertEquals([...A.data], [1, 2, 3, 1, 2, 3, 4, 5, 6]);
  assertEquals([...B.data], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 4]);
});

Deno.test("rows may be several ranges, as where heads interleave", () => {
  const sites = [site(1, [range(0, 1), range(4, 1)]), site(1, [range(2, 1), range(6, 1)])];
  const { B } = blockAdapter(sites, 8);
  assertEquals([...B.data], [1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0]);
  assertEquals(splitBlocks(blockAdapter(sites, 8), sites.map(({ rows }) => rows)), sites);
});

Deno.test("different scalings are folded into B, the largest stays", () => {
  const sites = [site(1, range(0, 2), 1), site(2, range(2, 2), -4), site(1, range(4, 1), 0)];
  const joined = blockAdapter(sites, 6);
  assertEquals(joined.scaling, -4);
  assertEquals(product(joined).map((value) => value + 0), sumOfSites(sites, 6).map((x) => x + 0));
  assertEquals(blockAdapter([site(1, range(0, 1), 0)], 1).B.data, Float32Array.of(1));
});

/** Sites of a weight of 9 rows, with any ranks and scalings and values that are not zero. */
const anySites = fc.tuple(
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  fc.tuple(fc.float({ noNaN: true, min: -8, max: 8 }), fc.boolean()),
).map(([[first, second], [scaling, reverse]]): BlockSite[] => {
  const sites = [site(first, range(0, 3), scaling), site(second, range(6, 3), scaling)];
  return reverse ? sites.reverse() : sites;
});

Deno.test("splitting gives back the sites that were joined", () => {
  fc.assert(fc.property(anySites, (sites) => {
    assertEquals(splitBlocks(blockAdapter(sites, 9), sites.map(({ rows }) => rows)), sites);
  }));
});

Deno.test("sites without a column are left out", () => {
  const rows = [range(0, 3), range(3, 3), range(6, 3)];
  const sites = [site(2, rows[0]), site(2, rows[2])];
  assertEquals(splitBlocks(blockAdapter(sites, 9), rows), sites);
});

Deno.test("columns of zeros are shared out evenly where that fits, else to their neighbours", () => {
  const rows = [range(0, 2), range(2, 2)];
  const zero = (rank: number) => ({
    ...site(rank, rows[0]),
    B: { shape: [4, rank], data: new Float32Array(4 * rank) },
  });
  const fresh = splitBlocks(zero(4), rows);
  assertEquals(fresh?.map(({ A }) => A.shape), [[2, 3], [2, 3]]);
  assertEquals(splitBlocks(zero(3), rows), undefined);
  const partly = { ...zero(4), B: { shape: [4, 4], data: new Float32Array(16) } };
  partly.B.data[0] = 1; // column 0, site 0
  partly.B.data[3 * 4 + 3] = 1; // column 3, site 1
  assertEquals(splitBlocks(partly, rows)?.map(({ B }) => B.shape), [[2, 2], [2, 2]]);
  partly.B.data[2] = 1; // column 2 is site 0's too
  assertEquals(splitBlocks(partly, rows)?.map(({ B }) => B.shape), [[2, 3], [2, 1]]);
});

Deno.test("an adapter that is no sum of sites is not split", () => {
  const whole = { A: matrix(2, 3), B: matrix(4, 2), scaling: 1 };
  assertEquals(splitBlocks(whole, [range(0, 2), range(2, 2)]), undefined);
  assertEquals(splitBlocks(whole, [range(0, 2)]), undefined);
  assertEquals(splitBlocks(whole, [range(0, 4)]), [{ ...whole, rows: range(0, 4) }]);
});

Deno.test("sites that do not fit are refused", () => {
  const wrong: [BlockSite[], number, string][] = [
    [[], 4, "blocks need at least one site, found none"],
    [[site(1, range(3, 2))], 4, "rows of a site must be in [0, 4), found 4"],
    [[site(1, range(-1, 1))], 4, "rows of a site must be in [0, 4), found -1"],
    [[site(1, range(0, 2)), site(1, range(1, 2))], 4, "sites must not share rows, found row 1"],
    [[{ ...site(1, range(0, 2)), rows: range(0, 3) }], 4, "found [1, 3] and [2, 1]"],
    [[site(1, range(0, 2)), { ...site(1, range(2, 2)), A: matrix(1, 4) }], 4, "(rank, 3)"],
  ];
  for (const [sites, out, words] of wrong) {
    assertThrows(() => blockAdapter(sites, out), ShapeError, words);
  }
});

Deno.test("an adapter that PEFT has loaded in blocks splits into q and v and joins to the bit", async () => {
  const { modules } = await readAdapter(`${golden}block_qv`);
  const rows = [range(0, 48), range(48, 48), range(96, 48)];
  for (const module of modules) {
    const sites = splitBlocks(module, rows);
    assert(sites);
    assertEquals(sites.map(({ A, rows, scaling }) => [A.shape[0], rows, scaling]), [
      [2, rows[0], 3],
      [2, rows[2], 3],
    ]);
    const { A, B, rank, scaling } = blockAdapter(sites, 144);
    assertEquals({ A, B, rank, scaling }, { A: module.A, B: module.B, rank: 4, scaling: 3 });
    assertAllClose(sumOfSites(sites, 144), product(module), { relative: 1e-12 });
  }
});
