/** Wrong arguments from untyped code: functions refuse them in our words, not the engine's. */

import { assert, assertEquals } from "@std/assert";
import * as lowrank from "../../mod.ts";
import { openDevice } from "../../mod.ts";
import { loadModel } from "../../src/models/mod.ts";

/** Operations on a tape and checkpoints, for those who write loops and layers; what writes files; what opens. */
const exceptions = new Set(
  ("add attention crossEntropy dropout embedding gelu klDivergence layerNorm linear squaredError " +
    "hostTensor siteName parseGpt2Config initGpt2 openDevice saveModel saveCheckpoint " +
    "resumeCheckpoint").split(" "),
);

const engine =
  /Cannot (read|destructure|convert|use)|is not (a function|iterable)|undefined \(|of undefined/;

/** The engine's own words that a call ends with. */
async function engineWords(call: () => unknown): Promise<string | undefined> {
  try {
    const result = await call();
    const isStream = typeof result === "object" && result !== null &&
      Symbol.asyncIterator in result;
    if (isStream) await (result as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
  } catch (error) {
    const { message } = error as Error;
    if (engine.test(message)) return message;
  }
}

Deno.test("the main entry's functions say what they need, whatever they get", async () => {
  using device = await openDevice({ kind: "cpu", threads: 1 });
  using model = await loadModel(device, "models/tiny-gpt2");
  const tokenizer = await lowrank.loadTokenizer("models/tiny-gpt2");
  using adapter = lowrank.injectLora(model, { rank: 2 });
  const values = {
    nothing: undefined,
    null: null,
    text: "folder",
    number: 3,
    record: {},
    list: [1],
  };
  const objects = { model, adapter, tokenizer, device, config: "models/tiny-gpt2/config.json" };
  const found: string[] = [];
  for (const [name, f] of Object.entries(lowrank)) {
    if (typeof f !== "function" || /^[A-Z]/.test(name) || exceptions.has(name)) continue;
    const call = f as (...values: unknown[]) => unknown;
    for (const before of [[], [model], [model, tokenizer], [tokenizer]]) {
      for (const [kind, value] of Object.entries({ ...values, ...objects })) {
        const words = await engineWords(() => call(...before, value));
        if (words) found.push(`${name}(${before.length} right, then ${kind}): ${words}`);
      }
    }
  }
  assertEquals(found, []);
  assert(model.adapters.has(adapter));
});
