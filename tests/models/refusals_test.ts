import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  beamSearch,
  type ForwardOptions,
  generate,
  initGpt2,
  loadModel,
  type ModelInputs,
  parseGpt2Config,
} from "../../src/models/mod.ts";
import { KeyValueCache } from "../../src/nn/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";

const config = parseGpt2Config({ vocab_size: 7, n_positions: 6, n_embd: 6, n_layer: 1, n_head: 2 });
const tokens = hostTensor([1, 3], Uint32Array.of(1, 2, 3));
const ones = (...shape: number[]) =>
  hostTensor(shape, new Uint32Array(shape[0] * shape[1]).fill(1));

Deno.test("a forward pass refuses masks, positions, rows and tokens that do not fit", () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  using tape = new Tape(device, { record: false });
  const wrong: [Partial<ModelInputs> & ForwardOptions, string][] = [
    [{ attentionMask: ones(1, 2) }, "attention mask must have shape [1, 3], found [1, 2]"],
    [{ positionIds: ones(1, 4) }, "position ids must have shape [1, 3], found [1, 4]"],
    [{ tokenTypeIds: ones(1, 4) }, "token type ids must have shape [1, 3], found [1, 4]"],
    [{ rows: [0, 3] }, "integers below the number of tokens, 3, found 3"],
    [{ rows: [-1] }, "integers below the number of tokens, 3, found -1"],
  ];
  for (const [{ rows, ...inputs }, message] of wrong) {
    const run = () => model.forward(tape, { tokens, ...inputs }, { rows });
    assertThrows(run, RangeError, message);
  }
  const short = { shape: [2, 3], data: tokens.data };
  assertThrows(
    () => model.forward(tape, { tokens: short }),
    ShapeError,
    "found [2, 3] of 3 values",
  );
  const rule = "inputs as { tokens: { shape: [batch, time], data } }, found ";
  const refused = (inputs: unknown, found: string) =>
    assertThrows(() => model.forward(tape, inputs as ModelInputs), TypeError, rule + found);
  refused(tokens, "nothing for its tokens");
  refused(undefined, "nothing for its tokens");
  refused({ tokens: [[1, 2]] }, "a plain list for its tokens");
  refused({ tokens: { shape: [1, 2] } }, "something else for its tokens");
});

Deno.test("a refused dropout rate leaves no weights on the device", async () => {
  using device = new ReferenceDevice();
  assertThrows(() => initGpt2(device, config, { seed: 1, dropout: 1 }), RangeError, "found 1");
  const loading = () => loadModel(device, golden("gpt2_tiny"), { dropout: 2 });
  await assertRejects(loading, RangeError, "found 2");
  assertEquals(device.ledger.read().live, 0);
});

Deno.test("what has no backward is refused on a tape that records, not dropped in silence", () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  using tape = new Tape(device);
  const message = "a tape with record: false";
  using cache = new KeyValueCache(device, { layers: 1, batch: 1, capacity: 6, width: 6 });
  assertThrows(() => model.forward(tape, { tokens }, { cache }), RangeError, message);
  tape.backward(crossEntropy(tape, model.forward(tape, { tokens }), [2, 3, 4]));
});

Deno.test("a mask beside a cache covers the tokens so far", () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  using cache = new KeyValueCache(device, { layers: 1, batch: 1, capacity: 6, width: 6 });
  using tape = new Tape(device, { record: false });
  model.forward(tape, { tokens, attentionMask: ones(1, 3) }, { cache });
  const next = (attentionMask: typeof tokens) =>
    model.forward(tape, { tokens, attentionMask }, { cache });
  assertThrows(() => next(ones(1, 3)), ShapeError, "must have shape [1, 6], found [1, 3]");
  assertEquals(next(ones(1, 6)).shape, [3, 7]);
});

Deno.test("generation refuses options that choose nothing, and logits that are no numbers", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  const made = (options: object) =>
    Array.fromAsync(generate(model, [1], { maxNewTokens: 2, ...options }));
  await assertRejects(() => made({ maxNewTokens: 1.5 }), RangeError, "maxNewTokens");
  await assertRejects(() => made({ temperature: 1, topK: 0 }), RangeError, "topK");
  await assertRejects(() => made({ temperature: -1 }), RangeError, "temperature of at least 0");
  const search = (beams: number) => beamSearch(model, [1], { maxNewTokens: 0, beams });
  for (const beams of [0, 1.5, model.vocabulary + 1, 1e9]) {
    const rule = `beams to be an integer from 1 to ${model.vocabulary}, found ${beams}`;
    await assertRejects(() => search(beams), RangeError, rule);
  }
  assertEquals(await search(2), { tokens: [], score: 0 });
  const norm = model.parameters.get("transformer.ln_f.weight")!;
  device.write(norm.tensor, new Float32Array(6).fill(NaN));
  await assertRejects(() => made({}), RangeError, "needs finite logits, found NaN");
});

Deno.test("a configuration that claims more than the file holds costs no memory", async () => {
  using device = new ReferenceDevice();
  const json = JSON.parse(await Deno.readTextFile(golden("gpt2_tiny/config.json")));
  await withFolder(async (folder) => {
    await Deno.copyFile(golden("gpt2_tiny/model.safetensors"), `${folder}/model.safetensors`);
    for (
      const [fields, message] of [
        [{ n_layer: 1e9 }, "up to 4096 layers here, found 1000000000"],
        [{ n_layer: 3 }, "needs the tensor transformer.h.2.ln_1.weight"],
        [{ vocab_size: 1e12 }, "wte.weight must have shape [1000000000000, 48]"],
        [{ n_inner: 1e8 }, "c_fc.weight must have shape [100000000, 48]"],
        [{ layer_norm_epsilon: "1e-5x" }, "layer_norm_epsilon to be a number"],
        [{ tie_word_embeddings: "no" }, "tie_word_embeddings to be true or false"],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...json, ...fields }));
      const error = await assertRejects(() => loadModel(device, folder), RangeError);
      assertStringIncludes((error as Error).message, message);
      assertEquals(device.ledger.read().peak, 0);
    }
  });
});
