import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { injectLora, type LoraOptions } from "../../src/adapt/mod.ts";
import { planLora } from "../../src/adapt/lora/inject.ts";
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
  refusing({ init: "other" as "kaiming" }, 'init must be "kaiming" or "gaussian", found "other"');
});
