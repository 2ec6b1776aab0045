import { assertEquals, assertThrows } from "@std/assert";
import { memoryClaims, qualityFinding } from "../../experiments/adaptation/adaptation.ts";
import { type AdaptationRun, methodRows } from "../../src/inspect/mod.ts";

/** A method whose only run took some steps. */
function methodOf(label: string, loss: number, steps: number) {
  const curve = Array(steps).fill(loss), run = { label, loss, curve, stepMs: 1 };
  return methodRows([run as unknown as AdaptationRun])[0];
}

Deno.test("LoRA is on a par within 1% of full fine-tuning, and not beyond", () => {
  const verdict = (loss: number) =>
    qualityFinding(methodOf("full", 3, 50), methodOf("LoRA", loss, 50), 4).verdict;
  assertEquals(verdict(3.03), "reproduced");
  assertEquals(verdict(3.04), "not reproduced at this scale");
});

Deno.test("runs of unequal length are not compared", () => {
  assertThrows(
    () => qualityFinding(methodOf("full", 3, 5), methodOf("LoRA", 2, 50), 4),
    RangeError,
    "comparing methods needs runs of the same number of steps, found 5 and 50",
  );
});

Deno.test("memory is judged without activations as the paper's, and with them beyond it", () => {
  const method = (adapter: number, trained: number, activation: number) => {
    const peakByRole = { weight: 96, adapter, gradient: trained, optimizer: 2 * trained };
    const peak = 96 + adapter + 3 * trained + activation;
    return methodRows([{ label: "", peak, peakByRole } as unknown as AdaptationRun])[0];
  };
  const holds = (adapter: number, activation: number) => {
    const full = method(0, 96, activation), lora = [method(adapter, adapter, activation)];
    return memoryClaims.map((claim) => claim.holds({ full, lora }));
  };
  assertEquals(holds(8, 0), [true, true]); // 96 + 4 * 8 is a third of 4 * 96
  assertEquals(holds(9, 0), [false, false]);
  assertEquals(holds(8, 1), [true, false]);
  assertEquals(memoryClaims.map(({ beyond = false }) => beyond), [false, true]);
});
