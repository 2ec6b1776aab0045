import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  joinUpdates,
  type LowRankFactors,
  type LowRankUpdate,
  readAdapter,
  type RowRange,
  ShapeError,
  type SiteAddress,
  splitUpdate,
} from "../../src/formats/mod.ts";
import { fitsFloat32 } from "../../src/core/tensor.ts";
import { countRows, indicesOf, type SiteRows } from "../../src/core/update.ts";
import { assertAllClose } from "../support/all_close.ts";
import { matrix } from "./adapter_folders.ts";

const golden = new URL("../golden/adapters/", import.meta.url).pathname;

const range = (start: number, count: number) => ({ start, count });

const module = "h.0.attn.c_attn";

/** An update of some rows of a weight of `outputs` rows and 3 columns. */
const site = (rank: number, rows: SiteRows, outputs: number, scaling = 2): LowRankUpdate => {
  return { module, rows, outputs, A: matrix(rank, 3), B: matrix(countRows(rows), rank), scaling };
};

/** The sites of updates, without their factors. */
const addresses = (updates: readonly LowRankUpdate[]): SiteAddress[] =>
  updates.map(({ A: _A, B: _B, scaling: _scaling, ...address }) => address);

/** scaling·B·A in float64. */
function product({ A, B, scaling }: LowRankFactors): number[] {
  const [[out, rank], inner] = [B.shape, A.shape[1]];
  return Array.from({ length: out * inner }, (_, index) => {
    const [row, column] = [Math.floor(index / inner), index % inner];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += B.data[row * rank + k] * A.data[k * inner + column];
    return scaling * sum;
  });
}

/** The sum of the sites' updates, each in its rows. */
function sumOfSites(sites: readonly LowRankUpdate[]): number[] {
  const [{ A: { shape: [, inner] }, outputs }] = sites;
  const delta = new Array<number>(outputs! * inner).fill(0);
  for (const one of sites) {
    const places = indicesOf(one.rows!).flatMap((row) =>
      Array.from({ length: inner }, (_, i) => row * inner + i)
    );
    product(one).forEach((value, index) => delta[places[index]] = value);
  }
  return delta;
}

Deno.test("A is stacked, B has each site in its rows and columns", () => {
  const joined = joinUpdates([site(1, range(0, 1), 5), site(2, range(3, 2), 5)]), { A, B } = joined;
  assertEquals([joined.module, joined.rows, joined.scaling], [module, undefined, 2]);
  assertEquals([A.shape, B.shape], [[3, 3], [5, 3]]);
  assertEquals([...A.data], [1, 2, 3, 1, 2, 3, 4, 5, 6]);
  assertEquals([...B.data], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 4]);
});

Deno.test("sites may interleave and come in any order; what they are called stays", () => {
  const roles = ["v", "q", undefined, "k"] as const;
  const sites = [6, 0, 4, 2].map((start, i): LowRankUpdate => {
    return { ...site(1, range(start, 1), 8), ...roles[i] && { role: roles[i] } };
  });
  const joined = joinUpdates(sites);
  assertEquals(product(joined), sumOfSites(sites));
  assertEquals(splitUpdate(joined, addresses(sites)), sites);
});

Deno.test("an update of all rows is the module as it is", () => {
  const { A, B, scaling } = site(2, range(0, 4), 4);
  for (const rows of [undefined, range(0, 4)]) {
    const joined = joinUpdates([{ module, rows, A, B, scaling, ...rows && { outputs: 4 } }]);
    assertEquals(joined, { module, A, B, scaling });
  }
});

Deno.test("different scalings are folded into B, the largest stays", () => {
  const sites = [
    site(1, range(0, 2), 6, 1),
    site(2, range(2, 2), 6, -4),
    site(1, range(4, 1), 6, 0),
  ];
  const joined = joinUpdates(sites);
  assertEquals(joined.scaling, -4);
  assertEquals(product(joined).map((value) => value + 0), sumOfSites(sites).map((x) => x + 0));
  assertEquals(joinUpdates([site(1, range(0, 1), 2, 0)]).B.data, Float32Array.of(1, 0));
});

/** Sites of a weight of 9 rows, with any ranks and scalings and values that are not zero. */
const anySites = fc.tuple(
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  fc.tuple(fc.float({ noNaN: true, min: -8, max: 8 }).filter(fitsFloat32), fc.boolean()),
  fc.constantFrom<[SiteRows, SiteRows]>(
    [range(0, 3), range(6, 3)],
    [[range(0, 1), range(3, 2)], [range(2, 1), range(7, 2)]],
  ),
).map(([[first, second], [scaling, reverse], [rows, others]]): LowRankUpdate[] => {
  const sites = [site(first, rows, 9, scaling), site(second, others, 9, scaling)];
  return reverse ? sites.reverse() : sites;
});

Deno.test("splitting gives back the sites that were joined", () => {
  fc.assert(fc.property(anySites, (sites) => {
    assertEquals(splitUpdate(joinUpdates(sites), addresses(sites)), sites);
  }));
});

Deno.test("sites without a column are left out", () => {
  const [first, middle, last] = [0, 3, 6].map((start) => site(2, range(start, 3), 9));
  const found = splitUpdate(joinUpdates([first, last]), addresses([first, middle, last]));
  assertEquals(found, [first, last]);
});

Deno.test("columns of zeros are divided evenly if that fits, otherwise go to their neighbors", () => {
  const rows = [0, 2].map((start) => ({ module, rows: range(start, 2) }));
  const zero = (rank: number): LowRankUpdate => {
    const B = { shape: [4, rank], data: new Float32Array(4 * rank) };
    return { module, A: matrix(rank, 3), B, scaling: 2 };
  };
  const fresh = splitUpdate(zero(4), rows);
  assertEquals(fresh?.map(({ A }) => A.shape), [[2, 3], [2, 3]]);
  assertEquals(splitUpdate(zero(3), rows), undefined);
  const partly = { ...zero(4), B: { shape: [4, 4], data: new Float32Array(16) } };
  partly.B.data[0] = 1; // column 0, site 0
  partly.B.data[3 * 4 + 3] = 1; // column 3, site 1
  assertEquals(splitUpdate(partly, rows)?.map(({ B }) => B.shape), [[2, 2], [2, 2]]);
  partly.B.data[2] = 1; // column 2 is site 0's too
  assertEquals(splitUpdate(partly, rows)?.map(({ B }) => B.shape), [[2, 3], [2, 1]]);
});

Deno.test("an adapter that is no sum of sites is not split", () => {
  const whole = { module, A: matrix(2, 3), B: matrix(4, 2), scaling: 1 };
  const of = (...rows: RowRange[]) => rows.map((rows) => ({ module, rows }));
  assertEquals(splitUpdate(whole, of(range(0, 2), range(2, 2))), undefined);
  assertEquals(splitUpdate(whole, of(range(0, 2))), undefined);
  assertEquals(splitUpdate(whole, of(range(0, 4))), [{ ...whole, rows: range(0, 4) }]);
});

Deno.test("sites that do not fit are refused", () => {
  const first = site(1, range(0, 2), 4), second = site(1, range(2, 2), 4);
  const wrong: [LowRankUpdate[], string][] = [
    [[], "joining needs at least one update, found none"],
    [[site(1, range(3, 2), 4)], "rows of a site must be in [0, 4), found 4"],
    [[site(1, range(-1, 1), 4)], "rows of a site must be in [0, 4), found -1"],
    [[first, site(1, range(1, 2), 4)], "sites must not share rows, found row 1"],
    [
      [{ ...first, rows: range(0, 3) }],
      `A and B of ${module}[0:3] must be (rank, 3) and (3, rank)`,
    ],
    [[{ ...first, rows: range(0, 3) }], "found [1, 3] and [2, 1]"],
    [[first, { ...second, A: matrix(1, 4) }], "(rank, 3) and (2, rank), found [1, 4] and [2, 1]"],
    [
      [{ ...first, outputs: undefined }],
      `its weight's number of outputs, found none for ${module}[0:2]`,
    ],
  ];
  for (const [updates, words] of wrong) {
    assertThrows(() => joinUpdates(updates), ShapeError, words);
  }
});

Deno.test("an adapter that PEFT has loaded in blocks splits into q and v and joins to the bit", async () => {
  const { updates } = await readAdapter(`${golden}block_qv`);
  for (const whole of updates) {
    const parts = (["q", "k", "v"] as const).map((role, i): SiteAddress => {
      return { module: whole.module, role, rows: range(48 * i, 48), outputs: 144 };
    });
    const sites = splitUpdate(whole, parts);
    assert(sites);
    assertEquals(addresses(sites), [parts[0], parts[2]]);
    assertEquals(sites.map(({ A, scaling }) => [A.shape[0], scaling]), [[2, 3], [2, 3]]);
    assertEquals(joinUpdates(sites), whole);
    assertAllClose(sumOfSites(sites), product(whole), { relative: 1e-12 });
  }
});
