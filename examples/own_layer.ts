/** A layer of your own, made of operations that the tape can differentiate. */

import { adamW, type Device, gelu, linear, openDevice, Parameter } from "@lowrank/core";
import { Random, squaredError, Tape, type Tensor } from "@lowrank/core";

/** y = gelu(x Aᵀ) Bᵀ with A and B of low rank. The tape derives its gradient from those of its parts. */
class Bottleneck {
  readonly A: Parameter;
  readonly B: Parameter;
  constructor(device: Device, width: number, rank: number, random: Random) {
    this.A = make(device, "A", [rank, width], random);
    this.B = make(device, "B", [width, rank], random);
  }
  forward(tape: Tape, x: Tensor): Tensor {
    return linear(tape, gelu(tape, linear(tape, x, this.A)), this.B);
  }
}

function make(device: Device, name: string, shape: number[], random: Random): Parameter {
  const tensor = device.allocate(shape, "f32", "weight", name);
  device.write(tensor, random.uniformWithin(0.5, tensor.size));
  return new Parameter(name, tensor);
}

using device = await openDevice();
const random = new Random(1), layer = new Bottleneck(device, 6, 2, random);
const x = device.allocate([4, 6], "f32", "activation", "x");
device.write(x, random.uniformWithin(1, 24));
const targets = { shape: [4, 6], data: new Float32Array(24).fill(0.5) };

using optimizer = adamW([layer.A, layer.B], { learningRate: 3e-2 });
for (let step = 0; step < 100; step++) {
  using tape = new Tape(device);
  const loss = squaredError(tape, layer.forward(tape, x), targets);
  tape.backward(loss);
  optimizer.step(tape);
  if (step % 33 === 0) console.log(step, (await device.read(loss))[0].data[0]);
}
