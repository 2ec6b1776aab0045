import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  evaluateFormula,
  gpt2StepBytes,
  loraCounts,
  optimizerBytes,
} from "../../src/accounting/mod.ts";
import { injectLora, type SiteSelection } from "../../src/adapt/mod.ts";
import { architectureOf, catalog, type ConfigJson } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { countTrained } from "../../experiments/counting.ts";
import { gpt3 } from "../../experiments/gpt3.ts";
import { gpt3Memory } from "../../experiments/memory.ts";
import { countTrainable, Gpt2, type Gpt2Config, parseGpt2Config } from "../../src/models/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { type Method, methods, shapes } from "../train/ledger_cases.ts";

/** Closed formulas against the real code on the dry device, at GPT-3's size. */
Deno.test("GPT-3's parameters are those of the formulas, full and at every rank", () => {
  const d = 12288;
  const full = { n_voc: 50257, n_pos: 2048, d, L: 96 };
  assertEquals(BigInt(countTrained(0)), evaluateFormula("fullParameters", full));
  for (const r of [1, 4]) {
    assertEquals(BigInt(countTrained(r)), evaluateFormula("loraParameters", { n_W: 192, d, r }));
  }
});

Deno.test("bytes that outlive a step are 4 a frozen value and 16 a trained one", () => {
  const values = countTrained(0), trained = countTrained(4);
  const stateBytes = (rank: number) => {
    const { weight, adapter, gradient, optimizer } = gpt3Memory(rank).byRole;
    return BigInt(weight + adapter + gradient + optimizer);
  };
  const bytes = (P_f: number, P_t: number) => evaluateFormula("trainingBytesFp32", { P_f, P_t });
  assertEquals(stateBytes(0), bytes(0, values));
  assertEquals(stateBytes(4), bytes(values, trained));
});

Deno.test("counted adapters are those that are injected", () => {
  const { config } = catalog.gpt2;
  const selections: SiteSelection[] = [
    { sites: "all" },
    { sites: ["k"] },
    { sites: ["o", "down", "transformer.h.3.attn.c_attn:q"] },
    { sites: ["transformer.h.0.attn.c_attn"] },
    { targetModules: "all-linear" },
    { targetModules: ["c_attn", "h.2.mlp.c_proj"] },
    { targetModules: ".*attn\\.c_(attn|proj)" },
  ];
  using device = new DryDevice();
  for (const selection of selections) {
    using model = Gpt2.allocate(device, parseGpt2Config(config));
    using _adapter = injectLora(model, { rank: 5, seed: 0, ...selection });
    const counts = loraCounts(architectureOf(config), 5, selection);
    const counted = counts.reduce((sum, { parameters }) => sum + parameters, 0);
    assertEquals(counted, countTrainable(model), JSON.stringify(selection));
  }
});

/** A method on a batch of which all tokens have a label, or some. */
interface Labeled extends Method {
  readonly labeled?: number;
}

/** The peak of a step by running it, in the roles that the formulas know. */
function measured(config: Gpt2Config, rows: number, length: number, method: Labeled) {
  const { lora, dropout, accumulation, optimizer, labeled } = method;
  const { peakByRole, peak } = predictMemory(gpt2ConfigJson(config), {
    ...{ batch: rows, length, labeled, accumulation },
    optimizer,
    dropout,
    adapt: (model) => lora && void injectLora(model, { ...lora, seed: 1 }),
  });
  const { quantized, ...roles } = peakByRole;
  assertEquals(quantized, 0);
  return { ...roles, peak };
}

function predicted(config: Gpt2Config, batch: number, length: number, method: Labeled) {
  const { rank, sites, dropout } = method.lora ?? {};
  const lora = rank === undefined ? undefined : { rank, sites, dropout: dropout !== undefined };
  const { optimizer, labeled } = method;
  const step = { batch, length, labeled, dropout: method.dropout !== undefined, lora, optimizer };
  const bytes = gpt2StepBytes({ ...config, model_type: "gpt2" }, step)!;
  return { ...bytes, peak: Object.values(bytes).reduce((sum, some) => sum + some, 0) };
}

/** Closed formulas are of sites in blocks that keep what they compute; all else is left to the dry device. */
const closed = Object.entries(methods).filter(([, { lora, activationCheckpointing }]) =>
  !lora?.targetModules && !activationCheckpointing
);

function check(config: Gpt2Config, rows: number, length: number, method: Labeled): void {
  assertEquals(
    predicted(config, rows, length, method),
    measured(config, rows, length, method),
    `${rows} x ${length}, ${method.labeled ?? "all"} with a label`,
  );
}

/** With one more, whose last norm, or its feed-forward layer's sum, is the peak. */
const moreShapes = {
  ...shapes,
  "2 x 40, few words": parseGpt2Config({
    ...{ vocab_size: 3, n_positions: 16, n_embd: 40, n_inner: 4, n_layer: 2, n_head: 5 },
  }),
};

for (const [name, config] of Object.entries(moreShapes)) {
  for (const [trained, method] of closed) {
    Deno.test(`a step of ${name}, ${trained}: the closed formulas are the dry device's bytes, by role`, () => {
      for (const [rows, length] of [[3, config.n_positions - 1], [1, 1], [7, 5]]) {
        const tokens = rows * length;
        for (const share of [1, 3 / 4, 1 / 3, 0]) {
          const labeled = Math.max(rows, Math.ceil(tokens * share));
          check(config, rows, length, { ...method, labeled });
        }
      }
    });
  }
}

Deno.test("a step of GPT-3 175B: the closed formulas are the dry device's bytes, by role", () => {
  const lora = { rank: 4, sites: ["q", "v"] };
  for (const method of [{}, { lora }, { lora: { ...lora, sites: "all" as const } }]) {
    for (const labeled of [undefined, 700, 1]) check(gpt3, 1, 2048, { ...method, labeled });
  }
});

/** A rank that every layer can have; in `few` blocks or fewer, a site that passes gradients to all of the first. */
function fitting<T extends { rank: number; sites: string[] }>(lora: T, config: {
  readonly n_embd: number;
  readonly n_inner: number;
  readonly n_layer: number;
}, few: number): T {
  const sites = config.n_layer > few ? lora.sites : [...new Set(["q", ...lora.sites])];
  return { ...lora, sites, rank: Math.min(lora.rank, config.n_embd, config.n_inner) };
}

Deno.test("a step of any GPT-2: the closed formulas are the dry device's bytes, by role", () => {
  const sites = fc.subarray(["q", "k", "v", "o", "up", "down"], { minLength: 1 });
  const lora = fc.record({
    rank: fc.integer({ min: 1, max: 40 }),
    sites,
    dropout: fc.constantFrom(undefined, 0.1),
  });
  const config = fc.record({
    vocab_size: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 2e5, max: 1e6 })),
    n_positions: fc.integer({ min: 9, max: 20 }),
    n_embd: fc.integer({ min: 1, max: 20 }).map((width) => 4 * width),
    n_layer: fc.integer({ min: 1, max: 4 }),
    n_head: fc.constantFrom(1, 2, 4),
    n_inner: fc.integer({ min: 1, max: 300 }),
    tie_word_embeddings: fc.boolean(),
  });
  const batch = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    length: fc.integer({ min: 1, max: 9 }),
    without: fc.integer({ min: 0, max: 44 }),
  });
  const anyMethod = fc.record({
    lora: fc.option(lora, { nil: undefined }),
    dropout: fc.constantFrom(undefined, 0.1),
  });
  fc.assert(
    fc.property(config, batch, anyMethod, (json, { rows, length, without }, any) => {
      const labeled = Math.max(rows, rows * length - without);
      const few = labeled < rows * length ? 2 : 1;
      const method = { ...any, labeled, lora: any.lora && fitting(any.lora, json, few) };
      check(parseGpt2Config(json), rows, length, method);
    }),
    { seed: 5, numRuns: 300 },
  );
});

Deno.test("moments in 8 bits change the optimizer's bytes, and the maps of both are 4,096 bytes", () => {
  const json = catalog.gpt2.config, step = { batch: 2, length: 5 };
  const wide = gpt2StepBytes(json, step)!;
  const narrow = gpt2StepBytes(json, { ...step, optimizer: "adamw8bit" })!;
  const optimizer = optimizerBytes("adamw8bit", architectureOf(json).tensors);
  assertEquals(narrow, { ...wide, optimizer, scratch: wide.scratch + 4096 });
});

/** Vocabularies, tokens with a label, and blocks of at most 2^25 outputs with the rows of all but the last. */
const severalBlocks: readonly [
  vocabulary: number,
  labeled: number,
  blocks: number,
  rows: number,
][] = [
  [2 ** 22, 16, 2, 8],
  [2 ** 22, 9, 2, 5],
  [2 ** 22, 35, 5, 7],
  [2 ** 23, 35, 9, 4],
  [2 ** 23 + 1, 10, 4, 3],
  [2 ** 24, 11, 6, 2],
  [2 ** 25, 35, 35, 1],
];

for (const [n_voc, labeled, blocks, rows] of severalBlocks) {
  Deno.test(`a vocabulary of ${n_voc}, ${labeled} tokens with a label in ${blocks} blocks: the same`, () => {
    const n_blk = evaluateFormula("stepBlocks", { n_lab: labeled, n_voc });
    assertEquals(n_blk, BigInt(blocks));
    assertEquals(evaluateFormula("stepBlockRows", { n_lab: labeled, n_blk }), BigInt(rows));
    // Blocks are copies of states of width 12 or 40, views of states of width 64.
    for (const json of Object.values(shapes)) {
      const config = { ...json, vocab_size: n_voc };
      for (const [, method] of closed.slice(0, 3)) check(config, 7, 5, { ...method, labeled });
    }
  });
}

Deno.test("a step needs a token with a label in each sequence", () => {
  const step = { batch: 2, length: 4, labeled: 1 };
  assertThrows(
    () => gpt2StepBytes(catalog.gpt2.config, step),
    RangeError,
    "a step needs 2 to 8 tokens with a label, found 1",
  );
});

Deno.test("there is no closed formula where blocks are not alike", () => {
  const { config } = catalog.gpt2, step = { batch: 1, length: 8 };
  const bytes = (sites: string[], more: ConfigJson = {}) =>
    gpt2StepBytes({ ...config, ...more }, { ...step, lora: { rank: 1, sites } });
  assertEquals(bytes(["q", "transformer.h.3.attn.c_proj"]), undefined);
  assertEquals(bytes(["down"], { n_layer: 1 }), undefined);
  assertEquals(bytes(["down"])!.adapter, 4 * 12 * (3072 + 768));
});
