/** Sets of adapters in wrong hands: bad input, no room, use after the end; and equal adapters, which are allowed. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AdapterSet, injectLora, injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";
import { randomTokens } from "./adapter_set_checks.ts";
import { logitsOf, tinyModel, trainedLora } from "./fixtures.ts";

async function updatesOf(model: TextModel, seed: number): Promise<LowRankUpdate[]> {
  using adapter = trainedLora(model, { seed });
  return await adapter.read();
}

Deno.test("two equal adapters may be in one set, as a row has one of them", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = new AdapterSet(model);
  const folder = golden("adapters/peft_all_linear");
  await set.load({ best: folder, last: folder });
  set.use(["best", "last"]);
  const { tokens } = randomTokens(model, 1, 3),
    data = Uint32Array.of(...tokens.data, ...tokens.data);
  const logits = await logitsOf(model, { tokens: { shape: [2, 3], data } }),
    half = logits.length / 2;
  assertEquals(logits.subarray(0, half), logits.subarray(half));
});

Deno.test("what is no adapter, no list of rows and no folder is refused in a sentence", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using set = new AdapterSet(model);
  for (const [bad, found] of [[null, "null"], ["x", '"x"'], [3, "3"], [[1], "[1]"]] as const) {
    const message = `must be an object, found ${found}`;
    assertThrows(() => set.add(bad as never), TypeError, `AdapterSet.add ${message}`);
    await assertRejects(() => set.load(bad as never), TypeError, `AdapterSet.load ${message}`);
  }
  const list = "AdapterSet.add needs a list of updates, found ";
  assertThrows(() => set.add({ a: null } as never), TypeError, `${list}null`);
  assertThrows(() => set.add({ a: 3 } as never), TypeError, `${list}3`);
  const one = "must be an object, found null";
  assertThrows(
    () => set.add({ a: [null] } as never),
    TypeError,
    `an update of AdapterSet.add ${one}`,
  );
  using other = tinyModel(device);
  assertThrows(() => injectUpdates(other, [null] as never), TypeError, `injectUpdates ${one}`);
  for (const [bad, found] of [[null, "null"], ["x", '"x"'], [{}, "{}"]] as const) {
    assertThrows(
      () => set.use(bad as never),
      TypeError,
      `list of its rows' adapters, found ${found}`,
    );
  }
  await assertRejects(() => set.load({}, { alow: [] } as never), TypeError, "did you mean allow?");
  assertEquals(set.names, []);
});

Deno.test("a set that was disposed takes nothing and allocates nothing", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const updates = await updatesOf(model, 1), { live } = device.ledger.read();
  const set = new AdapterSet(model);
  set.add({ one: updates });
  set[Symbol.dispose]();
  for (
    const use of [() => set.add({ two: updates }), () => set.unload(), () => set.use([undefined])]
  ) {
    assertThrows(use, DeviceError, "a set of adapters was used after it was disposed");
  }
  await assertRejects(() => set.load({}), DeviceError, "after it was disposed");
  assertEquals(device.ledger.read().live, live);
  using _ = injectLora(model, { rank: 1 });
});

Deno.test("when there is no room for the new rows' table, the set is as it was", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const updates = await updatesOf(model, 1), inputs = randomTokens(model, 2, 3);
  using set = new AdapterSet(model);
  set.add({ one: updates });
  set.use(["one", undefined]);
  const before = await logitsOf(model, inputs), { live } = device.ledger.read();
  const allocate = device.allocate.bind(device);
  device.allocate = (...all) => {
    if (all[3] === "rows by adapter") throw new DeviceError("no room");
    return allocate(...all);
  };
  assertThrows(() => set.add({ two: updates }), DeviceError, "no room");
  assertThrows(() => set.use([undefined, "one"]), DeviceError, "no room");
  device.allocate = allocate;
  assertEquals(set.names, ["one"]);
  assertEquals(device.ledger.read().live, live);
  assertEquals(await logitsOf(model, inputs), before);
});
