import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { beamSearch, generate, loadModel } from "../../src/models/mod.ts";

const golden = new URL("../golden/", import.meta.url).pathname;

interface GoldenCase {
  readonly prompt: string;
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly maxNewTokens: number;
  readonly eos: number | null;
  readonly sequences: number[][];
  readonly scores?: number[];
}

const { prompts, cases } = JSON.parse(Deno.readTextFileSync(golden + "generation.json")) as {
  prompts: Record<string, number[]>;
  cases: GoldenCase[];
};

for (const { prompt, beams, maxNewTokens, eos, lengthPenalty, sequences, scores } of cases) {
  const name = `${beams} beams after "${prompt}" prompt, ${
    eos === null ? "no stop" : `stop ${eos}`
  }`;
  Deno.test(`generation equals transformers': ${name}`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden + "gpt2_tiny");
    const stopToken = eos ?? undefined, input = prompts[prompt];
    if (beams === 1) {
      const tokens = await Array.fromAsync(generate(model, input, { maxNewTokens, stopToken }));
      assertEquals(tokens, sequences[0]);
      return;
    }
    const best = await beamSearch(model, input, { beams, maxNewTokens, stopToken, lengthPenalty });
    assertEquals(best.tokens, sequences[0]);
    assertAlmostEquals(best.score, scores![0], 1e-5);
  });
}

Deno.test("sampling with top-k 1 is greedy, and a seed gives the same tokens again", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden + "gpt2_tiny");
  const sample = (options: { temperature?: number; topK?: number; seed?: number }) =>
    Array.fromAsync(generate(model, [3, 1, 4], { maxNewTokens: 8, ...options }));
  assertEquals(await sample({ temperature: 1, topK: 1 }), await sample({}));
  assertEquals(
    await sample({ temperature: 1, seed: 7 }),
    await sample({ temperature: 1, seed: 7 }),
  );
});
