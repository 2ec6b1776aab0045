/** The operations of a step against the sums of its products. */

import { assertEquals } from "@std/assert";
import { full, loraOn } from "../../../experiments/regret/runs.ts";
import { stepOperations } from "../../../experiments/regret/step_cost.ts";

const [width, layers, vocabulary, batch, length] = [8, 2, 12, 3, 5];
const config = {
  ...{ model_type: "gpt2", vocab_size: vocabulary, n_positions: length, n_embd: width },
  ...{ n_layer: layers, n_head: 2 },
};
const tokens = batch * length;

/** A product of every token with a matrix of so many values. */
const products = (values: number) => 2 * tokens * values;

/** Scores and their weighted sums forward; five products of that size backward; keys up to the query. */
const attention = layers * (2 + 5) * 2 * batch * width * length * (length + 1) / 2;

/** A block's q, k, v and o, and its MLP; the head is the embedding's matrix. */
const block = 12 * width ** 2, head = vocabulary * width;

Deno.test("a full step takes three products for each matrix", () => {
  const measured = stepOperations(config, full.spec, { batch, length });
  assertEquals(measured, 3 * products(layers * block + head) + attention);
});

Deno.test("a step of LoRA takes two, six thin ones for each update, and no gradient of the first inputs", () => {
  const rank = 2, measured = stepOperations(config, loraOn("all", rank).spec, { batch, length });
  const thin = rank * layers * (8 + 5 + 5) * width; // Inputs and outputs of q, k, v, o and the MLP.
  const first = 3 * width ** 2 + 3 * rank * width; // q, k, v of the first block, through W and through A.
  assertEquals(
    measured,
    2 * products(layers * block + head) + 3 * products(thin) - products(first) + attention,
  );
});
