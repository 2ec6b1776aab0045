import { assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { klDivergence, Tape } from "../../src/autograd/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Perceptron } from "../../src/models/families/perceptron.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { countTrainable, saveModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";

const shape = { widths: [3, 4, 2], biases: true };
const inputs = hostTensor([2, 3], Float32Array.of(1, -2, 0.5, 0.25, 3, -1));

Deno.test("perceptron: every gradient equals finite differences on the reference device", async () => {
  using device = new ReferenceDevice();
  using model = Perceptron.init(device, shape, 1);
  const teacher = hostTensor([2, 2], Float64Array.of(1, 0, -1, 2));
  const lossNow = async () => {
    using tape = new Tape(device);
    const loss = klDivergence(tape, model.forward(tape, inputs), teacher);
    return (await device.read(loss))[0].data[0];
  };
  using tape = new Tape(device);
  tape.backward(klDivergence(tape, model.forward(tape, inputs), teacher));
  const step = 1e-5;
  assertEquals(model.trainable().map(({ name }) => name), [
    "layers.0.weight",
    "layers.0.bias",
    "layers.1.weight",
    "layers.1.bias",
  ]);
  for (const parameter of model.trainable()) {
    const [gradient, value] = await device.read(tape.gradientOf(parameter)!, parameter.tensor);
    const slopes: number[] = [];
    for (let at = 0; at < parameter.size; at++) {
      const shifted = async (by: number) => {
        const moved = value.data.slice();
        moved[at] += by;
        device.write(parameter.tensor, moved);
        return await lossNow();
      };
      slopes.push((await shifted(step) - await shifted(-step)) / (2 * step));
      await shifted(0);
    }
    assertAllClose([...gradient.data], slopes, { absolute: 1e-8, what: parameter.name });
  }
});

Deno.test("perceptron: an adapter fits on any layer, and leaves its outputs as they were", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = Perceptron.init(device, shape, 1);
  const outputs = async () => {
    using tape = new Tape(device, { record: false });
    return [...(await device.read(model.forward(tape, inputs)))[0].data];
  };
  const before = await outputs();
  using _adapter = injectLora(model, { rank: 2, targetModules: ["layers.0"], seed: 1 });
  assertEquals(countTrainable(model), 2 * (3 + 4));
  assertEquals(await outputs(), before);
});

Deno.test("perceptron: parameters are saved to the bit under their names", async () => {
  await withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    using model = Perceptron.init(device, shape, 1);
    await saveModel(model, folder);
    using file = await openSafetensors(folder);
    assertEquals([...file.tensors.keys()].sort(), [...model.parameters.keys()].sort());
    for (const [name, { tensor }] of model.parameters) {
      assertEquals(await file.read(name), (await device.read(tensor))[0]);
    }
  });
});
