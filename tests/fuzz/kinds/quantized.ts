/** Weights in 4 bits, as bitsandbytes saves them. @module */

import fc from "npm:fast-check@4.10.2";
import { openSafetensors, quantizedNames, readQuantized } from "../../../src/formats/mod.ts";
import { quantizedEntries } from "../../../src/formats/four_bit.ts";
import { dequantize, quantize } from "../../../src/quant/mod.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { type GoodTensor, safetensors, safetensorsFiles } from "../tensors.ts";

const name = "model.safetensors", stateMark = ".quant_state.";
const data = Float32Array.from({ length: 150 }, (_, i) => (i * 37 % 101 - 50) / 50);

/** The tensors of a weight with either kind of scales. */
async function goodTensors(doubleQuantization: boolean): Promise<GoodTensor[]> {
  const weight = quantize({ shape: [3, 50], data }, { doubleQuantization });
  const entries = quantizedEntries("fc.weight", weight);
  return await Promise.all(entries.map(async ([name, { dtype, shape, pieces }]) => {
    const [bytes] = await Array.fromAsync(pieces());
    return { name, dtype, shape, bytes };
  }));
}

const goodWeights = [await goodTensors(true), await goodTensors(false)];

const isState = ({ name }: GoodTensor) => name.includes(stateMark);

const seasoning = {
  values: ["nf4", "fp4", "float32", "bfloat16", 32, 64, 256, [3, 50], [150], [2, 75], [1, 2 ** 40]],
  keys: ["quant_type", "blocksize", "dtype", "shape", "nested_blocksize", "nested_offset"],
};

/** Good tensors with another state. */
const otherStates = fc.constantFrom(...goodWeights).chain((tensors) => {
  const state = JSON.parse(new TextDecoder().decode(tensors.find(isState)!.bytes));
  return jsonFiles(fc.constant(state), seasoning).map((bytes) =>
    safetensors(
      tensors.map((tensor) =>
        isState(tensor) ? { ...tensor, bytes, shape: [bytes.length] } : tensor
      ),
    )
  );
});

/** Files of which the state, the header or the bytes are corrupted. */
export const quantizedFiles: Kind = {
  name: "weights in 4 bits",
  inputs: fc.oneof(
    otherStates,
    safetensorsFiles(fc.constantFrom(...goodWeights).map((tensors) => safetensors(tensors))),
  ).map((bytes): Files => ({ [name]: bytes })),
  refusals: [SyntaxError, RangeError],
  read: async (files) => {
    using file = await openSafetensors(inMemory(files));
    for (const key of quantizedNames(file.tensors)) {
      const weight = await readQuantized(file, key), { shape, data } = dequantize(weight);
      const values = shape.reduce((product, extent) => product * extent, 1);
      sound(data.length === values && values <= 2 * files[name].length, `${values} values`);
      sound(areFinite(data) || weight.absmax instanceof Float32Array, "values that are not finite");
    }
  },
};
