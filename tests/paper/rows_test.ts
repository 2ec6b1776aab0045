import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  evaluateFormula,
  evaluateFormulaRatio,
  formulas,
  loraCounts,
} from "../../src/accounting/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import {
  agreement,
  computationOf,
  countVerdicts,
  type PaperRow,
  paperRows,
  printedTables,
} from "../../src/paper/mod.ts";
import { computations } from "../../src/paper/computations.ts";
import { sourceText } from "../../scripts/support/source_files.ts";
import derivedChecks from "./derived_checks.json" with { type: "json" };

const rows = paperRows();
const computed = rows.filter(({ verdict }) => verdict !== "quoted");
const equal = computed.filter(({ verdict }) => verdict !== "differs");

/** Recorded after each row had been gone through by hand. */
const recorded: Record<string, [rounded: number, truncated: number, differs: number]> = {
  table1: [12, 0, 0],
  table2: [22, 0, 6],
  table3: [6, 0, 6],
  table4: [5, 0, 3],
  table5: [0, 7, 0],
  table7: [2, 1, 1],
  table13: [5, 1, 5],
  table14: [5, 1, 5],
  table15: [18, 5, 7],
  text: [10, 1, 6],
};

for (const table of Object.keys(printedTables)) {
  const [rounded, truncated, differs] = recorded[table] ?? [0, 0, 0];
  Deno.test(`${table}: ${rounded} equal when rounded, ${truncated} cut off, ${differs} differ`, () => {
    const counts = countVerdicts(paperRows(table));
    assertEquals(
      [counts["equal when rounded"], counts["equal when truncated"], counts.differs],
      [rounded, truncated, differs],
    );
  });
}

/** A text of the repository as one line. */
const textOf = (path: string): string => sourceText(path).replaceAll(/\s+/g, " ");

Deno.test("the README and a guide state how many cells have each verdict", () => {
  const counts = countVerdicts(rows), guide = textOf("docs/command_line.md");
  const stated = `Arithmetic reaches ${computed.length} of the paper's printed cells: ` +
    `${counts["equal when rounded"]} are equal when rounded, ` +
    `${counts["equal when truncated"]} when truncated, ${counts.differs} differ`;
  const inferred = equal.filter((row) => computationOf(row)!.inferred).length;
  const settings = `of the ${equal.length} that are equal, ${inferred} have a setting`;
  assert(guide.includes(settings), `docs/command_line.md must state: ${settings}`);
  assert(guide.includes(stated), `docs/command_line.md must state: ${stated}`);
  const cells = `${equal.length} of [${computed.length} cells][cells] follow from its settings, ` +
    `${counts.differs} do not`;
  assert(textOf("README.md").includes(cells), `README.md must state: ${cells}`);
});

Deno.test("every computation belongs to a printed cell, and every formula is one of accounting", () => {
  for (const [table, byCell] of Object.entries(computations)) {
    const cells = new Set(paperRows(table).map(({ cell }) => cell));
    for (const [cell, { formula, settings }] of Object.entries(byCell)) {
      assert(cells.has(cell), `${table} prints no ${cell}`);
      assertMatch(settings, /\w/);
      if (formula) assert(Object.hasOwn(formulas, formula), formula);
    }
  }
});

Deno.test("every cell with a count, bytes, a slow-down, an average or a factor is computed", () => {
  const reached = /parameters$|slow-down$|average$|amplification|^random|[\d.](M|B|MB|GB|TB|%)$/;
  const left = rows.filter(({ cell, printed, verdict }) =>
    verdict === "quoted" && (reached.test(cell) || reached.test(printed))
  );
  assertEquals(left, []);
});

Deno.test("every quoted cell says why, and every one that differs too", () => {
  for (const { table, cell, verdict, computed, reason } of rows) {
    assertEquals(computed === null, verdict === "quoted");
    if (verdict === "quoted" || verdict === "differs") assert(reason, `${table}, ${cell}`);
  }
});

Deno.test("inferred settings are marked: adapters of Tables 1 to 3, 13, 14 and prefixes of GPT-2", () => {
  const marked = computed.filter((row) => computationOf(row)!.inferred);
  const expected = computed.filter(({ table, cell }) =>
    (table === "table1" && cell.endsWith("parameters")) ||
    (table === "table2" && cell.includes("Adapter D") && cell.endsWith("parameters")) ||
    (/^table(3|13|14)$/.test(table) && /Adapter|PreLayer/.test(cell))
  );
  assertEquals(marked, expected);
  for (const { reason } of marked) assertMatch(reason!, /^inferred, not stated in the paper: /);
});

Deno.test("widths that round to a print too are named, where Table 3 does not settle it", () => {
  const medium = { L: 24, d: 1024 }, base = { L: 12, d: 768, L_drop: 0 };
  const cases = [
    [
      "table1",
      "Adapter L: 32 × 512, adapter parameters",
      "L",
      medium,
      "r = 8 (9 also rounds to it)",
    ],
    ["table1", "Adapter H: 32 × 512, adapter parameters", "H", medium, "r = 5"],
    ["table3", "GPT-2 M, Adapter L (11.09M): trained parameters", "L", medium, "r = 224"],
    ["table2", "RoBERTa base, Adapter D (0.3M): trained parameters", "D", base, "(14 to 18 round"],
    ["table2", "RoBERTa base, Adapter D (0.9M): trained parameters", "D", base, "(46 to 51 round"],
  ] as const;
  for (const [table, cell, kind, shape, text] of cases) {
    const { printed, reason } = cellOf(table, cell);
    const widths = Array.from({ length: 300 }, (_, r) => r).filter((r) =>
      agreement(
        printed,
        wholes(Number(evaluateFormula(`adapter${kind}Parameters`, { ...shape, r }))),
      )
        .rounded
    );
    const ends = [widths[0], widths.at(-1)!], stated = [...text.matchAll(/\d+/g)].map(Number);
    assertEquals([stated[0], stated.at(-1)], ends, cell);
    assert(reason!.includes(text), `${reason} ${text}`);
  }
});

type Check = [table: string, row: string, printed: string, computed: string, reproduced: string];

/** Worked out from the formulas by another hand (the notes on the paper that this project began with). */
const checks = derivedChecks as Check[];

/** Rows that the other derivation computed from other settings, or with the pooler. */
const alternatives = /untied head|12 d per layer|with pooler|r=16 \(as the scripts say\)/;

/** Ours alone: the other hand left them out. */
const oursAlone: Record<string, number> = {
  table1: 2, // the same size in a second column
  table2: 3, // the dagger LoRA, RoBERTa large without pooler, DeBERTa
  table3: 2, // prefixes
  table15: 1, // all weights
};

const places = (text: string): number => (text.split(".")[1] ?? "").length;

for (const table of Object.keys(recorded)) {
  const others = checks.filter(([of, row]) => of === table && !alternatives.test(row));
  Deno.test(`${table}: ${others.length} cells are as another hand computed them`, () => {
    const ours = computed.filter((row) => row.table === table);
    const left = others.filter(([, , printed, value]) => {
      const place = ours.findIndex((row) =>
        row.printed.replace(/^\+|%$/g, "") === printed &&
        row.computed!.toFixed(places(value)) === Number(value).toFixed(places(value))
      );
      if (place >= 0) ours.splice(place, 1);
      return place < 0;
    });
    assertEquals(left, []);
    if (others.length > 0) assertEquals(ours.length, oursAlone[table] ?? 0);
  });
}

Deno.test("the verdicts are those of the other hand", () => {
  const words = ["no", "truncated", "rounded", "both"];
  for (const [, row, printed, value, reproduced] of checks) {
    const [whole, fraction = ""] = value.split(".");
    const exact = {
      numerator: BigInt(whole + fraction),
      denominator: 10n ** BigInt(fraction.length),
    };
    const { rounded, truncated } = agreement(printed, exact);
    if (words.includes(reproduced)) {
      assertEquals(words[2 * Number(rounded) + Number(truncated)], reproduced, row);
    } else {
      assertEquals(rounded || truncated, reproduced !== "False", row);
    }
  }
});

Deno.test("LoRA's counts are those of the models' tensors, site by site", () => {
  const count = (model: string, r: number, sites: string[]) =>
    loraCounts(architectureOf(catalog[model].config), r, { sites })
      .reduce((sum, { parameters }) => sum + parameters, 0);
  const lora = /^LoRA, (?<sites>(r_\w = )+)(?<rank>\d+): trained/;
  const settings = paperRows("table15").flatMap((row) => {
    const { sites, rank } = lora.exec(row.cell)?.groups ?? {};
    return sites ? [{ row, rank: Number(rank), sites: [...sites.matchAll(/r_(\w)/g)] }] : [];
  });
  assertEquals(settings.length, 10);
  for (const { row, rank, sites } of settings) {
    assertEquals(row.computed, count("gpt3-175b", rank, sites.map(([, site]) => site)), row.cell);
  }
  const models = {
    "RoBERTa base, LoRA": ["table2", "roberta-base", 8],
    "RoBERTa large, LoRA": ["table2", "roberta-large", 8],
    "DeBERTa XXL, LoRA": ["table2", "deberta-v2-xxlarge", 8],
    "GPT-2 M, LoRA": ["table3", "gpt2-medium", 4],
    "GPT-2 L, LoRA": ["table3", "gpt2-large", 4],
  } as const;
  for (const [row, [table, model, rank]] of Object.entries(models)) {
    assertEquals(
      cellOf(table, `${row}: trained parameters`).computed,
      count(model, rank, ["q", "v"]),
    );
  }
});

const cellOf = (table: string, cell: string): PaperRow =>
  paperRows(table).find((row) => row.cell === cell)!;

/** By hand from the shapes: 96 blocks, width 12,288. */
Deno.test("the claims of the text follow from GPT-3 175B's shape", () => {
  const d = 12_288, P = 96 * (12 * d * d + 13 * d) + (50_257 + 2_048) * d + 2 * d;
  const P_t = 2 * 96 * 2 * d * 4;
  const values: Record<string, number> = {
    "abstract: fewer trained parameters": P / P_t,
    "abstract: less GPU memory": 6 * P / (2 * P + 6 * P_t),
    "section 2: trained parameters, in percent of the model": 100 * P_t / P,
    "section 4.2: memory of training, all weights": 6 * P,
    "section 4.2: memory of training, LoRA": 2 * P + 6 * P_t,
    "section 4.2: memory saved, at most": 1 - (2 * P + 6 * P_t) / (6 * P),
    "section 4.2: checkpoint of the model": 2 * P,
    "section 4.2: checkpoint of an adapter, r = 4 on q and v": 2 * P_t,
    "section 4.2: smaller checkpoint": P / P_t,
    "section 4.2: one model and adapters for 100 tasks": 350e9 + 100 * 35e6,
    "section 4.2: 100 models": 35e12,
    "section 4.2: speed-up of training": 100 * (1 - 32.5 / 43.1),
    "section 7.1: budget of Table 5": P_t,
    "section 7.1: checkpoint of that budget": 2 * P_t,
    "appendix D.4: LoRA, r = 2 on q, k, v and o": 4 * 96 * 2 * d * 2,
    "appendix H.4: amplification at r = 4, as large as": 6.91 / 0.32,
    "figure 5: slow-down of an adapter, over": 100 * (25.8 - 19.8) / 19.8,
  };
  const claims = computed.filter(({ table }) => table === "text");
  assertEquals(claims.map(({ cell }) => cell).sort(), Object.keys(values).sort());
  for (const { cell, computed } of claims) {
    assert(Math.abs(computed! / values[cell] - 1) < 1e-12, `${cell}: ${computed}, ${values[cell]}`);
  }
});

Deno.test("what reasons say in numbers is so", () => {
  const reason = (table: string, cell: string) => cellOf(table, cell).reason!;
  const count = ": trained parameters";
  const says = (text: string, value: number | bigint) =>
    assert(text.includes(value.toLocaleString("en-US")), `${text} ${value}`);
  const gpt3 = { L: 96, d: 12288 }, large = { L: 24, d: 1024, r: 64 };
  const tied = evaluateFormula("fullParameters", { ...gpt3, n_voc: 50257, n_pos: 2048 });
  says(reason("table4", `FT${count}`), tied + 50257n * 12288n);
  says(reason("table4", `BitFit${count}`), 12 * 96 * 12288);
  says(
    reason("table2", `DeBERTa XXL, LoRA${count}`),
    evaluateFormula("loraParameters", { n_W: 96, d: 1536, r: 16 }),
  );
  says(reason("table3", `GPT-2 M, LoRA${count}`), 1_572_864 / 4);
  says(
    reason("text", "abstract: fewer trained parameters"),
    Math.round(evaluateFormulaRatio("parameterReduction", { P: tied, P_t: 4_718_592 })),
  );
  const W = 2n * tied, C = 2 * 18_874_368;
  const stated: [cell: string, text: string, value: number][] = [
    ["section 4.2: one model and adapters for 100 tasks", "352.98 GB", (Number(W) + 100 * C) / 1e9],
    ["section 4.2: 100 models", "34.92 TB", 100 * Number(W) / 1e12],
    ["section 4.2: memory of training, all weights", "1.40 TB", 8 * Number(tied) / 1e12],
    ["section 4.2: checkpoint of an adapter, r = 4 on q and v", "36.0 MiB", C / 2 ** 20],
    ["section 4.2: speed-up of training", "32.6%", 100 * (43.1 / 32.5 - 1)],
  ];
  for (const [cell, text, value] of stated) {
    const [number] = text.match(/[\d.]+/)!;
    assert(reason("text", cell).includes(text), cell);
    assertEquals(value.toFixed(places(number)), number, cell);
  }
  assertEquals([6.905 / 0.325, 6.915 / 0.315].map((x) => x.toFixed(2)), ["21.25", "21.95"]);
  assertEquals(350e9 / 10_000, 35e6);
  assertEquals(2 * 12 * 1024 ** 2, 24 * 2 ** 20);
  const fourBlocks = evaluateFormula("adapterDParameters", { L: 12, L_drop: 8, d: 768, r: 48 });
  assertEquals(agreement("0.3M", wholes(Number(fourBlocks))).rounded, true);
  // The weights of a bottleneck without its biases, and the encoders with their poolers.
  assertEquals(2 * large.L * large.d * large.r, 3 * 2 ** 20);
  assertEquals([124_055_040 + 768 * 769, 354_310_144 + 1024 * 1025], [124_645_632, 355_359_744]);
  // No whole number of prefix tokens or width of Adapter H yields the printed value; 0.1% of the model does.
  for (
    const [printed, perToken, all] of [["0.35M", 24 * 1024, 354_823_168], [
      "0.77M",
      36 * 1280,
      774_030_080,
    ]] as const
  ) {
    for (let tokens = 1; tokens < 100; tokens++) assertDiffers(printed, tokens * perToken);
    assertEquals(agreement(printed, wholes(Math.round(all / 1000))).rounded, true);
  }
  for (let r = 1; r < 300; r++) {
    assertDiffers("11.09M", Number(evaluateFormula("adapterHParameters", { ...large, r })));
  }
});

const wholes = (value: number) => ({ numerator: BigInt(value), denominator: 1n });

function assertDiffers(printed: string, value: number): void {
  const { rounded, truncated } = agreement(printed, wholes(value));
  assertEquals([rounded, truncated], [false, false], `${printed} ${value}`);
}

/** All ways to take `r` of `d` axes. */
function axes(d: number, r: number): number[][] {
  if (r === 0) return [[]];
  if (d < r) return [];
  return [...axes(d - 1, r), ...axes(d - 1, r - 1).map((some) => [...some, d - 1])];
}

Deno.test("Table 7's random column: the root mean square over all choices of axes is (r/d) of the norm", () => {
  const d = 5, r = 2, W = Array.from({ length: d * d }, (_, i) => (7 * i) % 11 - 3);
  const square = (rows: number[], columns: number[]) =>
    rows.flatMap((i) => columns.map((j) => W[i * d + j] ** 2)).reduce((sum, x) => sum + x);
  const choices = axes(d, r), every = [0, 1, 2, 3, 4];
  const sum = choices.flatMap((u) => choices.map((v) => square(u, v))).reduce((a, x) => a + x);
  const mean = sum / choices.length ** 2, norm = Math.sqrt(square(every, every));
  const ours = evaluateFormulaRatio("randomProjectionNorm", { r, d, N_W: norm });
  assert(Math.abs(ours / Math.sqrt(mean) - 1) < 1e-14);
});

Deno.test("the number of columns is that of every row, and notes name cells", () => {
  for (const [table, { columns, rows, notes = {} }] of Object.entries(printedTables)) {
    for (const [row, cells] of Object.entries(rows)) {
      assertEquals(cells.length, columns.length, `${table}, ${row}`);
    }
    const cells = paperRows(table).map(({ cell }) => cell);
    assertEquals(new Set(cells).size, cells.length);
    for (const cell of Object.keys(notes)) assert(cells.includes(cell), cell);
  }
});

Deno.test("an unknown table is one sentence that names those that exist", () => {
  for (const table of ["table19", "5", "toString", ""]) {
    assertThrows(
      () => paperRows(table),
      RangeError,
      `table18, text or all, found ${table || '""'}`,
    );
  }
});
