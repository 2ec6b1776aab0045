import { assert, assertEquals } from "@std/assert";
import found from "../../experiments/adaptation/learning_rates.json" with { type: "json" };
import { bestLora, learningRateOf, methods } from "../../experiments/adaptation/methods.ts";
import { learningRateGrid } from "../../experiments/adaptation/methods.ts";

Deno.test("every method tried the whole grid, and none is best at its edge", () => {
  const losses: Record<string, Record<string, number>> = found.losses;
  for (const method of methods) {
    const tried = Object.keys(losses[method.key]).map(Number).sort((a, b) => a - b);
    assertEquals(tried, [...learningRateGrid], method.label);
    const place = tried.indexOf(learningRateOf(method));
    assert(place > 0 && place < tried.length - 1, `${method.label}: ${tried[place]}`);
  }
});

Deno.test("the rank that is compared with full fine-tuning is chosen where nothing is reported", () => {
  const losses: Record<string, Record<string, number>> = found.losses;
  const best = ({ key }: { key: string }) => Math.min(...Object.values(losses[key]));
  const lora = methods.filter(({ spec }) => spec.kind === "lora");
  assertEquals(best(bestLora()), Math.min(...lora.map(best)));
  assertEquals(found.split, "validation");
});
