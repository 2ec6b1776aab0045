/**
 * Every WGSL file in a browser: its compiler is not Deno's, and stricter about barriers and subgroups
 * in control flow that not all threads take.
 */

import { assertEquals } from "@std/assert";
import { browserOfFile } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import type { AdapterTraits } from "../../kernels/kernel.ts";
import { productPrograms } from "../../kernels/matmul/kernel.ts";
import { shaderText } from "../../src/device/webgpu/pipelines.ts";
import { casesByKernel } from "./cases.ts";
import { plainAdapter, tunedTo } from "./devices.ts";

interface Program {
  readonly name: string;
  readonly code: string;
  readonly constants: Record<string, number>;
}

/** Each kernel's programs with the constants of its first case. */
function programs(): Program[] {
  return [...casesByKernel.values()].flatMap(([{ kernel: { name, wgsl }, scalars }]) => {
    const plain = { name, code: wgsl.code, constants: wgsl.constants?.(scalars) ?? {} };
    const variants = new Set(adapters.map((adapter) => wgsl.variant?.(adapter, scalars)));
    return [
      plain,
      ...[...variants].filter((variant) => variant !== undefined).map((variant, i) => ({
        name: `${name} variant ${i}`,
        code: shaderText(variant, { ...plainAdapter, enablesSubgroups: true }),
        constants: variant.constants?.(scalars) ?? {},
      })),
    ];
  });
}

/** Adapters that take every variant. */
const adapters: readonly AdapterTraits[] = [
  { software: true, subgroupSize: 8 },
  ...productPrograms(plainAdapter).map(tunedTo),
];

/** Compiles all in a page; its value is what the compiler said. */
const script = (all: readonly Program[]): string =>
  `(async () => {
  const messages = [], adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] });
  for (const { name, code, constants } of ${JSON.stringify(all)}) {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    device.createComputePipeline({ layout: "auto", compute: { module, constants } });
    const error = await device.popErrorScope();
    if (error) messages.push(name + ": " + error.message);
  }
  return messages;
})()`;

const open = browserOfFile({ webgpu: true });

Deno.test({
  name: "every WGSL file compiles in a browser too",
  ignore: browserPath() === undefined,
  fn: async () => {
    await using page = await open(new URL("../../LICENSE", import.meta.url).href);
    assertEquals(await page.evaluate(script(programs())), []);
  },
});
