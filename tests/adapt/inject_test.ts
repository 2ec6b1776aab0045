/** LoRA on the sites that a selection names. */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { planLora } from "../../src/adapt/lora/inject.ts";
import {
  injectLora,
  type LoraOptions,
  selectSites,
  type SiteSelection,
} from "../../src/adapt/mod.ts";
import { listNames } from "../../src/core/module_names.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { tinyModel, trainedLora, valuesOf } from "./fixtures.ts";

const qv = { rank: 2, sites: ["q", "v"], seed: 1 };

function refusing(options: Partial<LoraOptions>, includes: string, errorClass = RangeError): void {
  using device = new DryDevice();
  using model = tinyModel(device);
  const before = device.ledger.read();
  assertThrows(() => injectLora(model, { ...qv, ...options }), errorClass, includes);
  assertEquals(device.ledger.read().byRole, before.byRole);
  assert(model.linears.every(({ adaptations }) => adaptations.length === 0));
  assert([...model.parameters.values()].every(({ trainable }) => trainable));
}

Deno.test("a rank that no site can have is refused with the site's name", () => {
  const site = "the rank of transformer.h.0.attn.c_attn:q must be a whole number from 1 to 12";
  for (const rank of [0, -1, 1.5, 13, NaN]) refusing({ rank }, `${site}, found ${rank}`);
  refusing({ rankPattern: { "h.1.*": 99 } }, "transformer.h.1.attn.c_attn:q must be");
});

Deno.test("alpha, dropout and patterns are checked before anything changes", () => {
  refusing({ alpha: Infinity }, "alpha of transformer.h.0.attn.c_attn:q must be a finite number");
  const site = "the scaling of transformer.h.0.attn.c_attn:q must";
  refusing({ alpha: 1e308 }, `${site} be finite in F32, found 5e+307`);
  refusing({ alphaPattern: { "c_attn": 1e-99 } }, `${site} not vanish in F32, found 5e-100`);
  refusing({ dropout: 1 }, "dropout must be in [0, 1), found 1");
  refusing({ dropout: -0.1 }, "dropout must be in [0, 1), found -0.1");
  refusing({ rankPattern: { "(": 2 } }, "rankPattern", SyntaxError);
  refusing({ alphaPattern: { "(": 2 } }, "alphaPattern", SyntaxError);
});

Deno.test("scaling is α / r, or α / √r when rank-stabilized, and α is r unless said", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const scalingOf = (options: Partial<LoraOptions>) => {
    using adapter = injectLora(model, { ...qv, rank: 4, ...options });
    return adapter.sites[0].scaling;
  };
  assertEquals(scalingOf({}), 1);
  assertEquals(scalingOf({ alpha: 6 }), 1.5);
  assertEquals(scalingOf({ alpha: 6, rankStabilized: true }), 3);
});

Deno.test("patterns choose rank and α on their own, the first match winning", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, {
    ...qv,
    alpha: 8,
    rankPattern: { "h\\.1\\.attn\\.c_attn": 5, "c_attn": 3, ".*": 1 },
    alphaPattern: { "c_attn:v": 6 },
  });
  assertEquals(adapter.sites.map(({ rank, alpha }) => [rank, alpha]), [
    [3, 8],
    [3, 6],
    [5, 8],
    [5, 6],
  ]);
});

Deno.test("A is uniform within 1/√in, and a site's draw depends on the seed and the site alone", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const draws = async (options: Partial<LoraOptions>) => {
    using adapter = injectLora(model, { ...qv, ...options });
    const values = await Promise.all(adapter.sites.map(({ A }) => valuesOf(A.tensor)));
    return new Map(adapter.sites.map(({ name }, i) => [name, values[i]]));
  };
  const [few, all, other] = [
    await draws({}),
    await draws({ sites: "all" }),
    await draws({ seed: 2 }),
  ];
  for (const [name, values] of few) {
    assertEquals(all.get(name), values);
    assertNotEquals(other.get(name), values);
    assert(values.every((value) => Math.abs(value) <= 1 / Math.sqrt(12)));
  }
  const names = [...few.keys()];
  assertNotEquals(few.get(names[0]), few.get(names[1]));
  const large = [...(await draws({ sites: ["up"], rank: 12 })).values()].flatMap((v) => [...v]);
  const meanSquare = large.reduce((sum, value) => sum + value * value, 0) / large.length;
  assert(Math.abs(meanSquare * 12 - 1 / 3) < 0.05, `variance ${meanSquare}, expected 1/36`);
});

Deno.test("injection freezes the base, and the last adapter to go gives every flag back", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const bias = model.parameters.get("transformer.ln_f.bias")!;
  bias.trainable = false;
  using first = trainedLora(model, { seed: 1 });
  using second = trainedLora(model, { seed: 2 });
  assertEquals(
    model.trainable(),
    [0, 4].flatMap((layer) =>
      model.linears[layer].adaptations.flatMap(({ parameters }) => parameters)
    ),
  );
  first.remove();
  first.remove();
  assertEquals(model.trainable().length, 2 * second.sites.length);
  second[Symbol.dispose]();
  assertEquals(model.trainable().length, model.parameters.size - 1);
  assert(!bias.trainable);
});

Deno.test("parameters carry PEFT's names, and all lie in one arena", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, { rank: 2, targetModules: ["c_attn"], seed: 1 });
  const [{ A, B }] = adapter.sites;
  assertEquals(A.name, "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight");
  assertEquals(B.name, "base_model.model.transformer.h.0.attn.c_attn.lora_B.weight");
  const storages = adapter.sites.flatMap(({ A, B }) => [A.tensor.storage, B.tensor.storage]);
  assertEquals(new Set(storages).size, 1);
  assertEquals(A.tensor.role, "adapter");
});

const gpt2 = { n_positions: 1024, vocab_size: 50257 };
const sizes = {
  "gpt2": { ...gpt2, n_embd: 768, n_layer: 12, n_head: 12 },
  "gpt2-medium": { ...gpt2, n_embd: 1024, n_layer: 24, n_head: 16 },
  "gpt2-large": { ...gpt2, n_embd: 1280, n_layer: 36, n_head: 20 },
} as const;

/** Trained parameters as the paper (table 3) and PEFT's `print_trainable_parameters` give them. */
const counts: readonly [keyof typeof sizes, Omit<LoraOptions, "seed">, number][] = [
  ["gpt2-medium", { rank: 4, sites: ["q", "v"] }, 393_216],
  ["gpt2-large", { rank: 4, sites: ["q", "v"] }, 737_280],
  ["gpt2", { rank: 8, targetModules: ["c_attn"] }, 294_912],
  ["gpt2", { rank: 8, targetModules: "all-linear" }, 1_179_648],
  ["gpt2-medium", { rank: 4, targetModules: ["c_attn"] }, 393_216],
];

for (const [size, options, expected] of counts) {
  Deno.test(`${size}, ${JSON.stringify(options)}: ${expected} parameters`, () => {
    using device = new DryDevice();
    using model = Gpt2.allocate(device, parseGpt2Config(sizes[size]));
    using adapter = injectLora(model, { seed: 1, ...options });
    assertEquals(adapter.parameterCount, expected);
    assertEquals(device.ledger.read().byRole.adapter, 4 * expected);
    assertEquals(adapter.bytes, 4 * expected);
  });
}

Deno.test("on the dry device no values are drawn, and the options are checked as elsewhere", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const [{ A }] = planLora(model, "injectLora", qv);
  assertEquals(A, new Float32Array(2 * 12));
  refusing(
    { init: "other" as "kaiming" },
    'init must be one of kaiming, gaussian, orthonormal, found "other"',
  );
});

const c_attn = "transformer.h.0.attn.c_attn";

function namesOf(selection: SiteSelection): string[] {
  using device = new DryDevice();
  using model = tinyModel(device);
  return selectSites(model, selection).map(({ name }) => name.replace("transformer.h.", ""));
}

Deno.test("roles name that site of every layer, in the order of the forward pass, each once", () => {
  assertEquals(namesOf({ sites: ["v", "q", "v"] }), [
    ...["0.attn.c_attn:q", "0.attn.c_attn:v"],
    ...["1.attn.c_attn:q", "1.attn.c_attn:v"],
  ]);
  assertEquals(namesOf({ sites: ["o", "down"] }), [
    ...["0.attn.c_proj", "0.mlp.c_proj", "1.attn.c_proj", "1.mlp.c_proj"],
  ]);
});

Deno.test("all is every site of every layer", () => {
  const names = ["c_attn:q", "c_attn:k", "c_attn:v", "c_proj"].map((name) => `attn.${name}`);
  const block = [...names, "mlp.c_fc", "mlp.c_proj"];
  assertEquals(
    namesOf({ sites: "all" }),
    [0, 1].flatMap((n) => block.map((name) => `${n}.${name}`)),
  );
});

Deno.test("a path is the whole weight, a path with a role one site of it", () => {
  assertEquals(namesOf({ sites: [c_attn] }), ["0.attn.c_attn"]);
  assertEquals(namesOf({ sites: [`${c_attn}:k`] }), ["0.attn.c_attn:k"]);
  assertEquals(namesOf({ sites: ["transformer.h.1.mlp.c_fc:up"] }), ["1.mlp.c_fc"]);
});

Deno.test("rows of the sites are those of the fused weight", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const rows = selectSites(model, { sites: ["k", "up"] }).map(({ rows }) => rows);
  assertEquals(rows.slice(0, 2), [{ start: 12, count: 12 }, { start: 0, count: 48 }]);
});

Deno.test("targetModules: a list matches whole names and endings after a dot", () => {
  assertEquals(namesOf({ targetModules: ["c_proj"] }), [
    ...["0.attn.c_proj", "0.mlp.c_proj", "1.attn.c_proj", "1.mlp.c_proj"],
  ]);
  assertEquals(namesOf({ targetModules: [c_attn, "1.mlp.c_fc"] }), ["0.attn.c_attn", "1.mlp.c_fc"]);
  assertThrows(() => namesOf({ targetModules: ["_attn"] }), RangeError, 'found "_attn"');
});

Deno.test("targetModules: a string is a regular expression for the whole name", () => {
  assertEquals(namesOf({ targetModules: ".*attn\\.c_(attn|proj)" }), [
    ...["0.attn.c_attn", "0.attn.c_proj", "1.attn.c_attn", "1.attn.c_proj"],
  ]);
  assertThrows(() => namesOf({ targetModules: "c_attn" }), RangeError, 'found "c_attn"');
  assertThrows(() => namesOf({ targetModules: "c_(attn" }), SyntaxError, "targetModules");
});

Deno.test("targetModules: all-linear is every whole weight", () => {
  const block = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"];
  const expected = [0, 1].flatMap((n) => block.map((name) => `${n}.${name}`));
  assertEquals(namesOf({ targetModules: "all-linear" }), expected);
});

Deno.test("a name that matches nothing is an error with the roles, a path, and what may be meant", () => {
  const refused = (selection: SiteSelection, sentence: string) => {
    const { message } = assertThrows(() => namesOf(selection), RangeError);
    assertEquals(message, sentence);
    assert(message.length <= 200, `${message.length}: ${message}`);
  };
  const sites = "sites must name a role (q, k, v, o, up, down, head), or a layer or site by its " +
    "path such as transformer.h.0.attn.c_attn, found";
  refused({ sites: ["q", "w"] }, `${sites} "w"`);
  refused({ sites: ["Up"] }, `${sites} "Up" (did you mean up?)`);
  refused({ sites: ["c_atn"] }, `${sites} "c_atn" (did you mean ${c_attn}?)`);
  refused(
    { sites: ["h.0.attn.c_attn:p"] },
    `${sites} "h.0.attn.c_attn:p" (did you mean ${c_attn}?)`,
  );
  const modules =
    "targetModules must match a layer of the model (c_attn, c_proj, c_fc, lm_head), found";
  refused({ targetModules: ["c_attn", "dense"] }, `${modules} "dense"`);
  refused({ targetModules: ["c_atn"] }, `${modules} "c_atn" (did you mean c_attn?)`);
});

Deno.test("an empty or a double selection is refused", () => {
  assertThrows(() => namesOf({}), TypeError, "found neither");
  assertThrows(() => namesOf({ sites: ["q"], targetModules: ["c_attn"] }), TypeError, "found both");
  assertThrows(() => namesOf({ sites: [] }), RangeError, "found none");
  assertThrows(() => namesOf({ targetModules: [] }), RangeError, "found none");
});

Deno.test("a selection of another type is shown with what it should be", () => {
  const refused = (selection: unknown, sentence: string) =>
    assertThrows(() => namesOf(selection as SiteSelection), TypeError, sentence);
  const sites = 'sites must be a list such as ["o", "down"] or "all", found ';
  refused({ sites: "o,down" }, `${sites}"o,down"`);
  refused({ sites: ["q", 3] }, `${sites}["q",3]`);
  const modules =
    'targetModules must be a list such as ["c_attn"], a pattern or "all-linear", found ';
  refused({ targetModules: 3 }, `${modules}3`);
  refused({ targetModules: { c_attn: true } }, `${modules}{"c_attn":true}`);
});

Deno.test("sites of one adapter do not share rows", () => {
  assertThrows(
    () => namesOf({ sites: ["k", c_attn] }),
    RangeError,
    `found ${c_attn} and ${c_attn}:k`,
  );
});

Deno.test("lists of names fold the numbers of layers", () => {
  assertEquals(listNames(["a.0.b", "a.1.b", "a.0.c", "d"]), "a.0…1.b, a.0.c, d");
  assertEquals(listNames(["a.0.b", "a.2.b"]), "a.{0,2}.b");
});

Deno.test("sites are numbered by the model and not by the selection", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const all = new Map(selectSites(model, { sites: "all" }).map(({ name, index }) => [name, index]));
  assertEquals(new Set(all.values()).size, all.size);
  for (const { name, index } of selectSites(model, { sites: ["v"] })) {
    assertEquals(index, all.get(name));
  }
});
