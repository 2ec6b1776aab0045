/** Dropout of a configuration in training, against transformers in the mean over many draws. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { crossEntropy } from "../../src/autograd/mod.ts";
import { Tape } from "../../src/autograd/tape.ts";
import { hash32 } from "../../src/core/random.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { type Device, openDevice } from "../../src/device/mod.ts";
import { loadModel, type LoadModelOptions, type TextModel } from "../../src/models/mod.ts";
import { evaluate, train } from "../../src/train/mod.ts";
import { golden, goldenJson } from "../support/golden.ts";

const { ids, draws, cases } = await goldenJson("dropout.json");
const shape = [ids.length, ids[0].length];
const tokens = hostTensor(shape, Uint32Array.from(ids.flat()));
const shifted = ids.flatMap((row: number[]) => [...row.slice(1), -100]);
const targets = hostTensor(shape, Int32Array.from(shifted));
const batch = { inputs: { tokens }, targets };

/** The golden base with other fields in its configuration. */
async function load(
  device: Device,
  fields: object,
  options?: LoadModelOptions,
): Promise<TextModel> {
  const config = { ...await goldenJson("gpt2_tiny/config.json"), ...fields };
  const weights = await Deno.readFile(golden("gpt2_tiny/model.safetensors"));
  const files = [
    new File([JSON.stringify(config)], "config.json"),
    new File([weights], "model.safetensors"),
  ];
  return await loadModel(device, files, options);
}

/** The loss of one draw of all masks. */
async function lossOf(model: TextModel, dropoutSeed: number): Promise<number> {
  using tape = new Tape(model.device, { dropoutSeed, record: false });
  const loss = crossEntropy(tape, model.forward(tape, { tokens }), targets.data);
  return (await model.device.read(loss))[0].data[0];
}

async function lossesOf(model: TextModel, count: number): Promise<number[]> {
  return await Array.fromAsync({ length: count }, (_, draw) => lossOf(model, hash32(7, draw)));
}

for (const { mean, std, ...rates } of cases) {
  Deno.test(`with ${JSON.stringify(rates)} the mean loss in training is transformers', ${mean.toFixed(3)}`, async () => {
    using device = await openDevice({ kind: "cpu" });
    using model = await load(device, rates);
    const losses = await lossesOf(model, draws);
    const ours = losses.reduce((sum, loss) => sum + loss) / draws;
    // Four standard errors of the difference of two means; without dropout, rounding.
    const far = Math.max(4 * std * Math.sqrt(2 / draws), 1e-5);
    assert(Math.abs(ours - mean) < far, `${ours} and ${mean}, more than ${far} apart`);
    const square = losses.reduce((sum, loss) => sum + (loss - ours) ** 2, 0) / (draws - 1);
    const gap = Math.abs(Math.sqrt(square) - std);
    assert(gap <= 4 * std / Math.sqrt(draws), `a deviation of ${Math.sqrt(square)} and ${std}`);
  });
}

Deno.test("dropout of a configuration applies to training alone, and an option takes its place", async () => {
  using device = await openDevice({ kind: "cpu" });
  const rates = { embd_pdrop: 0.1, resid_pdrop: 0.3 };
  using plain = await load(device, {});
  using dropped = await load(device, rates);
  assertEquals(await evaluate(dropped, [batch]), await evaluate(plain, [batch]));
  using off = await load(device, rates, { dropout: 0 });
  assertEquals(await lossesOf(off, 2), await lossesOf(plain, 2));
  using even = await load(device, { embd_pdrop: 0.3, resid_pdrop: 0.3 });
  using option = await load(device, rates, { dropout: 0.3 });
  assertEquals(await lossesOf(option, 2), await lossesOf(even, 2));
});

Deno.test("dropout that is asked for and not applied is said", async () => {
  using device = await openDevice({ kind: "cpu" });
  using asks = await load(device, { attn_pdrop: 0.1 });
  assertEquals(
    asks.unappliedDropout,
    "attn_pdrop of config.json, 0.1, is not applied: attention's probabilities are never dropped",
  );
  using decided = await load(device, { attn_pdrop: 0.1 }, { dropout: 0 });
  assertEquals(decided.unappliedDropout, undefined);
  const { description } = train(asks, [batch], { steps: 1 });
  assertEquals(description, `trains all 61,104 values of the model; ${asks.unappliedDropout}`);
  const rule = "a gpt2 configuration needs resid_pdrop to be in [0, 1), found 1.5";
  await assertRejects(() => load(device, { resid_pdrop: 1.5 }), RangeError, rule);
});
