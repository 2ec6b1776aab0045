/** Updates of a trained adapter, injected at another rank, scaling or choice of sites. */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { deltaWeight, injectUpdates, type LowRankUpdate, siteName } from "../../src/adapt/mod.ts";
import { truncateUpdate } from "../../src/analysis/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { joinUpdates, readAdapter } from "../../src/formats/mod.ts";
import { type DenseMatrix, svd } from "../../src/linalg/mod.ts";
import type { Model } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { coreDevices } from "../support/devices.ts";
import { logitsOf, tinyModel, trainedLora, withFolder } from "./fixtures.ts";

/** Updates of q and v at rank 4, off the model again, and what they made it say. */
async function trained(model: Model) {
  using adapter = trainedLora(model, { rank: 4, alpha: 6 });
  return { updates: await adapter.read(), logits: await logitsOf(model) };
}

async function logitsWith(model: Model, updates: readonly LowRankUpdate[]) {
  using _ = injectUpdates(model, updates, { onTop: true });
  return await logitsOf(model);
}

const scaled = (updates: readonly LowRankUpdate[], weight: number) =>
  updates.map((update) => ({ ...update, scaling: weight * update.scaling }));

const truncated = (updates: readonly LowRankUpdate[], rank: number) =>
  updates.map((update) => ({ ...update, ...truncateUpdate(update, rank) }));

/** A property of injected updates; `epsilon` is the device's relative rounding error. */
const checks: Record<string, (device: Device, epsilon: number) => Promise<void>> = {
  async "updates come back as the adapter that they were"(device) {
    using model = tinyModel(device);
    const { updates, logits } = await trained(model);
    using adapter = injectUpdates(model, updates.toReversed());
    assertEquals(await adapter.read(), updates);
    assertEquals(await logitsOf(model), logits);
  },
  async "what they take is given back, and the base with it"(device) {
    using model = tinyModel(device);
    const base = await logitsOf(model), { updates } = await trained(model);
    const before = device.ledger.read();
    {
      using adapter = injectUpdates(model, updates);
      assertEquals(device.ledger.read().byRole.adapter - before.byRole.adapter, adapter.bytes);
    }
    const after = device.ledger.read();
    assertEquals([after.byRole, after.padding], [before.byRole, before.padding]);
    assertEquals(await logitsOf(model), base);
    assertEquals(model.trainable().length, model.parameters.size);
  },
  async "a truncation to the full rank says what the original says"(device) {
    using model = tinyModel(device);
    const { updates, logits } = await trained(model);
    // truncateUpdate rounds A and B to F32, so float64 agrees to that only.
    assertAllClose(await logitsWith(model, truncated(updates, 4)), logits, tolerance(2 ** -23));
  },
  async "weight 0 and no update are the base, to the bit"(device) {
    using model = tinyModel(device);
    const base = await logitsOf(model), { updates, logits } = await trained(model);
    assertNotEquals(logits, base);
    assertEquals(await logitsWith(model, scaled(updates, 0)), base);
    assertEquals(await logitsWith(model, []), base);
  },
  async "two halves of an adapter add up to it"(device, epsilon) {
    using model = tinyModel(device);
    const { updates, logits } = await trained(model);
    using _ = injectUpdates(model, scaled(updates, 0.25));
    assertAllClose(await logitsWith(model, scaled(updates, 0.75)), logits, tolerance(epsilon));
  },
  async "updates that are left out are not there, the others are"(device) {
    using model = tinyModel(device);
    const { updates } = await trained(model);
    const kept = updates.filter(({ module }) => module.includes(".h.1."));
    using adapter = injectUpdates(model, kept);
    assertEquals(model.linears.filter(({ adaptations }) => adaptations.length > 0).length, 1);
    assertEquals(await adapter.read(), kept);
  },
};

/** Logits are sums of some hundred terms of size one. */
const tolerance = (epsilon: number) => ({ relative: 30 * epsilon, absolute: 30 * epsilon });

for (const { name, epsilon, open } of coreDevices) {
  for (const [property, check] of Object.entries(checks)) {
    Deno.test(`${property} (${name})`, async () => {
      using device = await open();
      await check(device, epsilon);
    });
  }
}

const dense = ({ shape: [rows, columns], data }: HostTensor): DenseMatrix => {
  return { rows, columns, data: Float64Array.from(data) };
};

/** Σ of the first `rank` terms σ u vᵀ of a dense decomposition. */
function denseTruncation(matrix: DenseMatrix, rank: number): Float64Array {
  const { left, values, right } = svd(matrix), sum = new Float64Array(matrix.data.length);
  for (let k = 0; k < rank; k++) {
    for (let i = 0; i < matrix.rows; i++) {
      for (let j = 0; j < matrix.columns; j++) {
        sum[i * matrix.columns + j] += values[k] * left.data[k * matrix.rows + i] *
          right.data[k * matrix.columns + j];
      }
    }
  }
  return sum;
}

Deno.test("the update on the model at rank k is the dense truncation of ΔW (Eckart and Young)", async () => {
  using device = await coreDevices[0].open();
  using model = tinyModel(device);
  const { updates } = await trained(model);
  for (const rank of [1, 2, 3]) {
    using adapter = injectUpdates(model, truncated(updates, rank));
    assertEquals(adapter.sites.map((module) => module.rank), [rank, rank, rank, rank]);
    for (const update of updates) {
      const expected = denseTruncation(dense(deltaWeight(update)), rank);
      const { data } = await adapter.deltaWeight(siteName(update));
      assertAllClose(data, expected, { relative: 1e-5, absolute: 1e-6 });
    }
  }
});

Deno.test("ΔW and α are linear in the scaling", async () => {
  using device = await coreDevices[0].open();
  using model = tinyModel(device);
  const { updates } = await trained(model);
  using adapter = injectUpdates(model, scaled(updates, -2));
  for (const [i, update] of updates.entries()) {
    assertEquals(adapter.sites[i].alpha, -2 * update.scaling * update.A.shape[0]);
    const expected = deltaWeight(update).data.map((value) => -2 * value);
    assertEquals((await adapter.deltaWeight(siteName(update))).data, expected);
  }
});

Deno.test("what a PEFT folder holds can be put on a model: its sites, or its modules whole", async () => {
  using device = await coreDevices[0].open();
  using model = tinyModel(device);
  await withFolder(async (folder) => {
    using adapter = trainedLora(model);
    await adapter.save(folder);
    const logits = await logitsOf(model);
    adapter.remove();
    const { updates } = await readAdapter(folder);
    assertEquals(await logitsWith(model, updates), logits);
    const modules = Map.groupBy(updates, ({ module }) => module);
    const whole = [...modules.values()].map(joinUpdates);
    assertAllClose(await logitsWith(model, whole), logits, tolerance(2 ** -52));
  });
});

Deno.test("updates that fit no site are refused, and nothing is left behind", async () => {
  using device = await coreDevices[0].open();
  using model = tinyModel(device);
  const { updates } = await trained(model), [first] = updates, { live } = device.ledger.read();
  const refusing = (
    changed: readonly LowRankUpdate[],
    includes: string,
    errorClass: new (message: string) => Error = RangeError,
  ) => assertThrows(() => injectUpdates(model, changed), errorClass, includes);
  const whole = { ...first, role: undefined, rows: undefined };
  const name = "transformer.h.0.attn.c_attn:q", path = "transformer.h.0.attn.c_attn";
  refusing([first, first], `a site takes one update, found two for ${name}`);
  refusing([{ ...first, module: "q" }], "must be for layers of the model (transformer.h.0…1");
  refusing([{ ...first, module: "h.9" }], 'found "h.9"');
  const rows = (part: Partial<LowRankUpdate>) => ({ ...first, role: undefined, ...part });
  const some = { start: 1, count: 12 };
  refusing([rows({ rows: some })], `must be those of ${path}, ${path}:q`);
  refusing([rows({ rows: some })], "found rows 1 to 13 of 36");
  const foreign = `updates of ${path} must be for its 36 rows in the model, found 24`;
  refusing([rows({ outputs: 24 })], `${foreign}: they are for another base`);
  refusing([{ ...first, role: "k" }], 'found rows 0 to 12 of 36 as "k"');
  refusing([{ ...first, role: "o" }], 'found rows 0 to 12 of 36 as "o"');
  refusing([{ ...first, scaling: NaN }], `the scaling of ${name} must be finite in F32, found NaN`);
  refusing([first, whole], "must not share rows");
  const rule = (site: string, rows: number) =>
    `A and B of ${site} must be (rank, 12) and (${rows}, rank)`;
  refusing([{ ...first, B: first.A }], `${rule(name, 12)}, found [4, 12] and [4, 12]`, ShapeError);
  refusing([whole], rule(path, 36), ShapeError);
  assertEquals(device.ledger.read().live, live);
  assert(model.linears.every(({ adaptations }) => adaptations.length === 0));
});

Deno.test("an adapter of no updates takes no bytes", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const { live } = device.ledger.read();
  using adapter = injectUpdates(model, []);
  assertEquals([adapter.bytes, device.ledger.read().live], [0, live]);
});
