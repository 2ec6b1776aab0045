import { assertEquals } from "@std/assert";
import { ReferenceDevice } from "../../src/device/reference.ts";
import * as kernels from "../../kernels/mod.ts";
import { casesByKernel } from "./cases.ts";
import { runCase } from "./kernel_case.ts";

const all = Object.values(kernels).filter((value) => typeof value === "object");

Deno.test("the case table has every kernel", () => {
  assertEquals([...casesByKernel.keys()].sort(), all.map(({ name }) => name).sort());
});

for (const [name, cases] of casesByKernel) {
  Deno.test(`reference: ${name} agrees with itself on poisoned outputs`, async () => {
    using device = new ReferenceDevice();
    for (const trial of cases) await runCase(device, trial);
  });
}
