import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { truncationError } from "../../src/analysis/mod.ts";
import type { Figure } from "../../src/figures/mod.ts";
import { joinUpdates } from "../../src/formats/mod.ts";
import { Random } from "../../src/core/random.ts";
import {
  amplificationTable,
  anglesFigure,
  chanceAngles,
  comparableUpdates,
  type ComparedUpdate,
  compareUpdates,
  comparisonTable,
  describeUpdate,
  type LowRankUpdate,
  similarityFigure,
  spectraFigure,
  truncationFigure,
  updateTable,
} from "../../src/inspect/mod.ts";
import { shortNames } from "../../src/inspect/describe.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

/** ΔW = diag(values) in the first columns of 6 x 8. */
function diagonal(name: string, values: readonly number[]): LowRankUpdate {
  const rank = values.length, A = new Float32Array(8 * rank), B = new Float32Array(6 * rank);
  values.forEach((value, i) => (A[8 * i + i] = 1, B[rank * i + i] = value));
  return {
    ...{ module: name, scaling: 1 },
    A: { shape: [rank, 8], data: A },
    B: { shape: [6, rank], data: B },
  };
}

const known = diagonal("model.layers.0.q", [4, 3, 0.1]);

function random(name: string, rank: number, seed: number): LowRankUpdate {
  const source = new Random(seed),
    tensor = (rows: number, columns: number) => {
      const { data } = gaussian(rows, columns, source);
      return { shape: [rows, columns], data: Float32Array.from(data) };
    };
  return { module: name, scaling: 1, A: tensor(rank, 8), B: tensor(6, rank) };
}

Deno.test("a row says what can be cut within the error, and how large ΔW is beside W", () => {
  const row = describeUpdate(known, { error: 0.05 });
  assertEquals([row.suggestedRank, row.wastedRank, row.relativeNorm], [2, 1, undefined]);
  const identity = Float32Array.from({ length: 48 }, (_, at) => Number(at % 9 === 0));
  const beside = describeUpdate(known, { weight: { shape: [6, 8], data: identity } });
  assertAlmostEquals(beside.relativeNorm!, Math.hypot(4, 3, 0.1) / Math.sqrt(6), 1e-6);
  assertAlmostEquals(beside.amplification!.inDelta, Math.sqrt(3), 1e-6);
});

Deno.test("names lose what all of them begin with, and never their last part", () => {
  assertEquals(shortNames(["a.b.0.q", "a.b.1.q"]), ["0.q", "1.q"]);
  assertEquals(shortNames(["a.b", "a.b"]), ["b", "b"]);
  assertEquals(shortNames(["q", "a.q"]), ["q", "a.q"]);
});

Deno.test("updates are compared by name, and none in common is said", () => {
  const [one, other] = [random("m.0.q", 2, 1), random("m.1.q", 2, 2)];
  const compared = compareUpdates([one, other], [other, random("m.2.q", 2, 3)], "delta-left");
  assertEquals(compared.map(({ name, dimensions }) => [name, dimensions]), [["m.1.q", 6]]);
  assertAlmostEquals(compared[0].phi[1][1], 1, 1e-12);
  assertThrows(() => compareUpdates([one], [other], "A"), RangeError, "must share a module");
});

Deno.test("sites are joined for a comparison where another adapter has the whole module", () => {
  const { A, B } = random("m.0.qkv", 2, 1), module = "m.0.qkv", half = { start: 0, count: 6 };
  const site = { module, role: "q", rows: half, outputs: 12, A, B, scaling: 1 } as const;
  const whole = joinUpdates([site]), other = random("m.1.q", 2, 2);
  assertEquals(comparableUpdates([[site], [site, other]]), [[site], [site, other]]);
  for (const all of [whole, { ...whole, rows: { start: 0, count: 12 }, outputs: 12 }]) {
    assertEquals(comparableUpdates([[site, other], [all]]), [[whole, other], [whole]]);
  }
});

Deno.test("modules with a longer prefix in one adapter are compared under the first one's names", () => {
  const [short, long] = [["h.0.q", "h.1.q"], ["model.h.1.q", "model.h.0.q", "model.h.2.q"]]
    .map((names) => names.map((name, i) => random(name, 2, i)));
  const names = ([one, other]: LowRankUpdate[][]) =>
    compareUpdates(one, other, "A").map(({ name }) => name);
  assertEquals(names(comparableUpdates([short, long])), ["h.0.q", "h.1.q"]);
  assertEquals(names(comparableUpdates([long, short])), ["model.h.1.q", "model.h.0.q"]);
  const [[one], [other]] = comparableUpdates([[short[0]], [long[1]]]);
  assertEquals(
    compareUpdates([one], [other], "A")[0].phi,
    compareUpdates([short[0]], [{
      ...long[1],
      module: "h.0.q",
    }], "A")[0].phi,
  );
  // Which of the two is meant is not said.
  const both = [random("encoder.q", 2, 1), random("decoder.q", 2, 2)];
  assertThrows(() => names(comparableUpdates([[random("q", 2, 3)], both])), RangeError);
  assertThrows(() => names(comparableUpdates([both, [random("q", 2, 3)]])), RangeError);
  assertEquals(names(comparableUpdates([both, both])), ["encoder.q", "decoder.q"]);
});

Deno.test("random subspaces that must meet have an angle of zero, others none", () => {
  const sized = (k: number, l: number, dimensions: number) => ({
    ...{ name: "", principalAngles: [], dimensions, randomBaseline: 0 },
    phi: Array.from({ length: k }, () => new Array<number>(l).fill(0)),
  });
  const meeting = chanceAngles(sized(3, 2, 4), 1), apart = chanceAngles(sized(2, 2, 40), 1);
  assertEquals([meeting.length, apart.length], [2, 2]);
  assert(meeting[0] < 1e-6 && meeting[1] > 0.1);
  assert(apart[0] > 1 && apart[0] < apart[1] && apart[1] < Math.PI / 2);
});

Deno.test("tables have a row an update, with its numbers under their headings", () => {
  const rows = [known, diagonal("model.layers.1.q", [1])].map((update) => describeUpdate(update));
  const { columns, rows: [first, second] } = updateTable(rows);
  assertEquals([first.name, second.name], ["0.q", "1.q"]);
  assertEquals([first.largest, first.suggestedRank], [4, 2]);
  assertEquals(columns.filter(({ key }) => !(key in first)), []);
  const weight = { shape: [6, 8], data: new Float32Array(48).fill(1) };
  const beside = amplificationTable([describeUpdate(known, { weight })]);
  assertEquals(beside.columns.filter(({ key }) => beside.rows[0][key] === undefined), []);
  const compared = comparisonTable(compareUpdates([known], [known], "A"));
  assertEquals([compared.rows[0].sizes, compared.rows[0].allByChance], ["3 × 3", 3 / 8]);
});

Deno.test("figures draw every update, chance and the requested error", () => {
  const many = Array.from({ length: 7 }, (_, i) => random(`m.${i}.q`, 2, i));
  const rows = many.map((update) => describeUpdate(update));
  const { data } = spectraFigure(rows);
  assertEquals(data.length, 14); // a spectrum and an edge each
  assertEquals(new Set(data.slice(0, 7).map(({ line }) => line?.color)).size, 7);
  const { layout, caption } = spectraFigure([describeUpdate({ ...known, scaling: 0 })]);
  assertEquals([layout.yaxis!.type, layout.xaxis!.dtick], ["log", 1]);
  assertStringIncludes(caption, "All are zero");
  const [curve] = truncationFigure([describeUpdate(known)], 0.05).data;
  const expected = [0, 1, 2, 3].map((k) => truncationError([4, 3, 0.1], k).relative);
  (curve.y as number[]).forEach((value, k) => assertAlmostEquals(value, expected[k], 1e-3));
});

Deno.test("an update keeps its name and color when it is drawn without others", () => {
  const rows = ["h.0.q", "h.0.v", "h.1.q", "h.1.v"].map((name, i) =>
    describeUpdate(random(name, 1, i))
  );
  const looks = ({ data }: Figure) => data.map(({ name, line }) => [name, line?.color]);
  const all = looks(spectraFigure(rows)), second = looks(spectraFigure(rows.slice(2), rows));
  assertEquals(second, [2, 3, 6, 7].map((place) => all[place]));
  const [, edge] = spectraFigure(rows.slice(0, 1)).data;
  assertEquals(edge.x, [0.5, 1.5]); // as long as the plot, also at rank 1
});

Deno.test("a comparison's pictures show what is beyond chance", () => {
  const compared: ComparedUpdate[] = compareUpdates([known], [random(known.module, 4, 5)], "A");
  const [map] = similarityFigure(compared, "A").data;
  assertAlmostEquals((map.z as number[][])[2][3], compared[0].phi[2][3] - 4 / 8, 1e-3);
  const angles = anglesFigure(compared, 1).data;
  assertEquals(angles.map(({ name }) => name), ["q", "by chance"]);
});
