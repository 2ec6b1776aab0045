/** The launches that models of the latency study ask of a device. @module */

import { openVariants, smallShape } from "../../../experiments/latency/passes.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import type { Device } from "../../../src/device/device.ts";

/** The launches of every model's pass over (batch, length) tokens, as a device's own trace has them. */
export async function tracesOn(
  device: Device,
  bottleneck: number,
  shape: readonly [batch: number, length: number],
): Promise<string[][]> {
  using opened = openVariants(device, smallShape, [bottleneck]);
  const inputs = { tokens: { shape, data: new Uint32Array(shape[0] * shape[1]) } };
  const traces: string[][] = [];
  for (const [, model] of opened.models) {
    const { launches } = await device.trace(() => {
      using tape = new Tape(device, { record: false });
      model.forward(tape, inputs);
    });
    traces.push(
      launches.map(({ kernel, scalars, bytes }) =>
        `${kernel.name} ${JSON.stringify(scalars)} ${bytes}`
      ),
    );
  }
  return traces;
}
