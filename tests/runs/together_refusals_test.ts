/** Runs that cannot be trained together. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  injectBitFit,
  injectLora,
  type LoraAdapter,
  type LoraOptions,
} from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, loadModel, type TextModel } from "../../src/models/mod.ts";
import { type RunTogether, shareBase, trainTogether } from "../../src/runs/mod.ts";
import type { BatchSource } from "../../src/train/mod.ts";
import { golden } from "../support/golden.ts";
import { batchesOf, config, smallModel } from "./together_fixtures.ts";

/** Runs of adapters with these options, after one that is allowed. */
function together(base: TextModel, ...adapters: LoraAdapter[]) {
  const first = injectLora(shareBase(base), { rank: 1 });
  const runs = [first, ...adapters].map((adapter) => ({
    adapter,
    batches: batchesOf(1, [4]),
    steps: 1,
  }));
  return trainTogether(runs);
}

const refused: readonly (readonly [Partial<LoraOptions>, string])[] = [
  [{ targetModules: ["c_attn"], dora: true }, "DoRA on transformer.h.0.attn.c_attn"],
  [{ targetModules: ["c_attn"], loraBias: true }, "a bias of B on transformer.h.0.attn.c_attn"],
  [{ freezeA: true }, "a frozen A on transformer.h.0.attn.c_attn:q"],
  [{ targetModules: ["wte"] }, "an embedding, transformer.wte"],
  [{ targetModules: ["lm_head"] }, "a head on lm_head"],
  [{ dropout: 0.1 }, "dropout of 0.1 on transformer.h.0.attn.c_attn:q"],
  [{ targetModules: ["c_attn"], bias: "all" }, "transformer.wte.weight"],
  [{ modulesToSave: ["lm_head"] }, "lm_head.weight"],
  [{ trainableTokens: [1] }, "wte"],
];

for (const [options, found] of refused) {
  Deno.test(`not trained together: ${found}`, () => {
    using device = new ReferenceDevice();
    using base = smallModel(device);
    const adapter = injectLora(shareBase(base), { rank: 1, ...options });
    const { message } = assertThrows(() => together(base, adapter), RangeError);
    assertEquals(
      [
        message.startsWith(
          "training together needs A and B of linear layers alone, without dropout, found ",
        ),
        message.endsWith(" at place 2"),
      ],
      [true, true],
      message,
    );
  });
}

Deno.test("runs have an adapter each, on a model of its own, of one base", () => {
  using device = new ReferenceDevice();
  using base = smallModel(device);
  using stranger = smallModel(device);
  const lora = (model: TextModel) => injectLora(model, { rank: 1, onTop: true });
  const fails = (make: () => unknown, message: string) => {
    assertThrows(make, RangeError, `training together needs ${message}`);
  };
  fails(() => trainTogether([]), "at least 1 adapter, found none");
  const twice = lora(shareBase(base));
  fails(() => together(base, twice, twice), "each adapter once, found it before at place 3");
  fails(
    () => together(base, lora(shareBase(stranger))),
    "models that share one base (shareBase), found other weights at place 2",
  );
  const crowded = shareBase(base), one = lora(crowded);
  lora(crowded);
  fails(
    () => together(base, one),
    "one adapter on each model (shareBase), found 2 adapters at place 2",
  );
  const removed = lora(shareBase(base));
  removed.remove();
  fails(
    () => together(base, removed),
    "adapters that are on their models, found a removed one at place 2",
  );
  fails(
    () => together(base, injectBitFit(shareBase(base)) as never),
    "LoRA adapters, found another object at place 2",
  );
  assertThrows(
    () => trainTogether(undefined as never),
    TypeError,
    "training together needs a list of runs, found nothing",
  );
  assertThrows(() => trainTogether([null] as never), TypeError, "must be an object, found null");
  const run: RunTogether = { adapter: lora(shareBase(base)), batches: () => batchesOf(1, [4])[0] };
  assertThrows(() => trainTogether([run]), TypeError, "training needs steps");
  assertThrows(() => trainTogether([{ ...run, epochs: 3 } as never]), TypeError, "epochs");
});

Deno.test("DeBERTa, whose layers see distances, is not trained together", async () => {
  using device = new ReferenceDevice();
  using base = await loadModel(device, golden("families/deberta_masked"));
  const adapter = injectLora(shareBase(base), { rank: 1, sites: ["o"] });
  assertThrows(
    () => trainTogether([{ adapter, batches: [], steps: 1 }]),
    RangeError,
    "found deberta",
  );
});

Deno.test("a model with dropout is refused at the start, whatever its runs' batches", () => {
  using device = new ReferenceDevice();
  const message = "models without dropout (load them with { dropout: 0 }), found a rate of 0.1";
  const rates = [[{ ...config, resid_pdrop: 0.1 }, {}], [config, { dropout: 0.1 }]] as const;
  for (const [json, options] of rates) {
    using base = initGpt2(device, json, { seed: 3, ...options });
    assertThrows(() => together(base), RangeError, message);
  }
  using none = initGpt2(device, { ...config, embd_pdrop: 0.1 }, { seed: 3, dropout: 0 });
  together(none);
});

Deno.test("runs may share a list of batches, but no generator", () => {
  using device = new ReferenceDevice();
  using base = smallModel(device);
  const runs = (batches: BatchSource) =>
    [1, 2, 3].map((seed) => ({
      adapter: injectLora(shareBase(base), { rank: 1, seed }),
      batches: seed === 1 ? [] : batches,
      steps: 1,
    }));
  async function* later() {
    yield* batchesOf(1, [4]);
  }
  for (const batches of [batchesOf(1, [4]).values(), later()]) {
    assertThrows(
      () => trainTogether(runs(batches)),
      RangeError,
      "needs batches for each run, found an iterator of another run at place 3",
    );
  }
  trainTogether(runs(batchesOf(1, [4])));
  trainTogether(runs({ [Symbol.iterator]: () => batchesOf(1, [4]).values() }));
});
