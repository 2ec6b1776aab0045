/** LoRA on embeddings and on a language model's head. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { injectLora, loadAdapter, merge, mergeReport, unmerge } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { logitsOf, lossOf, tinyModel, trainedLora, withFolder } from "./fixtures.ts";

/** {@link tinyModel} with a head of its own. */
export function untiedModel(device: Device) {
  const sizes = { vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 2, n_head: 3 };
  return initGpt2(device, parseGpt2Config({ ...sizes, tie_word_embeddings: false }), { seed: 3 });
}

const targets = [["wte"], ["wpe"], ["lm_head"], ["wte", "wpe", "lm_head", "c_attn"]] as const;

/** Properties of adapted embeddings and heads. */
const embeddingChecks: readonly Check[] = [
  ...targets.map((targetModules): Check => ({
    name: `LoRA on ${targetModules} changes nothing at first, merges, and comes back from its file`,
    async run(device, epsilon) {
      using model = untiedModel(device);
      const base = await logitsOf(model), live = device.ledger.read();
      {
        using fresh = injectLora(model, { rank: 2, seed: 1, targetModules });
        assertEquals(await logitsOf(model), base);
        assertEquals(new Set(model.trainable()), new Set(fresh.parameters));
      }
      await withFolder(async (folder) => {
        using adapter = trainedLora(model, { targetModules });
        const adapted = await logitsOf(model), close = 100 * epsilon;
        assert(adapted.some((value, i) => Math.abs(value - base[i]) > 1e-3));
        await adapter.save(folder);
        const merged = merge(model, adapter);
        const tolerance = { relative: close, absolute: close };
        assertAllClose(await logitsOf(merged), adapted, tolerance);
        adapter.remove();
        assertEquals(await logitsOf(model), base);
        unmerge(merged);
        using loaded = await loadAdapter(model, folder);
        assertEquals(loaded.sites.map(({ name }) => name), adapter.sites.map(({ name }) => name));
        assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
      });
      const { byRole, padding } = device.ledger.read();
      assertEquals([byRole, padding], [live.byRole, live.padding]);
    },
  })),
  {
    name: "an update of an embedding is E[id] + s · B A[:, id]: the rows of the merged table",
    async run(device, epsilon) {
      using model = untiedModel(device);
      using adapter = trainedLora(model, { targetModules: ["wte"] });
      const [{ A, B, scaling, isEmbedding }] = await adapter.read();
      assertEquals([isEmbedding, A.shape, B.shape], [true, [2, 11], [12, 2]]);
      using merged = merge(model, adapter);
      const name = "transformer.wte.weight";
      const [own, changed] = await device.read(
        ...[model, merged].map((one) => one.parameters.get(name)!.own),
      );
      const wanted = own.data.map((value, at) => {
        const token = Math.floor(at / 12), column = at % 12;
        const terms = [0, 1].map((r) => A.data[r * 11 + token] * B.data[column * 2 + r]);
        return value + scaling * (terms[0] + terms[1]);
      });
      assertAllClose(changed.data, wanted, { relative: 10 * epsilon, absolute: 10 * epsilon });
      const { weights } = await mergeReport(model, adapter);
      assertEquals(weights.map(({ module }) => module), ["transformer.wte"]);
      const delta = await adapter.deltaWeight("transformer.wte");
      const norm = Math.hypot(...delta.data);
      assertAllClose([weights[0].deltaNorm], [norm], { relative: 1e-6, absolute: 0 });
    },
  },
  {
    name: "trained tokens change their rows alone, of the head too, and come back from the file",
    async run(device, epsilon) {
      using model = tinyModel(device);
      const base = await logitsOf(model), live = device.ledger.read(), indices = [9, 3, 4];
      await withFolder(async (folder) => {
        using adapter = injectLora(model, { rank: 2, sites: ["q"], trainableTokens: indices });
        assertEquals(await logitsOf(model), base);
        const [{ tensor }] = adapter.tokens.parameters, [own] = await device.read(tensor);
        device.write(tensor, own.data.map((value, i) => value + 0.1 * Math.sin(i)));
        const adapted = await logitsOf(model), name = "transformer.wte.weight";
        assert(adapted.some((value, i) => Math.abs(value - base[i]) > 1e-2));
        using merged = merge(model, adapter);
        const close = { relative: 60 * epsilon, absolute: 60 * epsilon };
        assertAllClose(await logitsOf(merged), adapted, close);
        const [before, after] = await device.read(
          ...[model, merged].map((one) => one.parameters.get(name)!.own),
        );
        const changed = Array.from(after.data, (_, i) => i).filter((i) =>
          after.data[i] !== before.data[i]
        );
        assertEquals(new Set(changed.map((i) => Math.floor(i / 12))), new Set([3, 4, 9]));
        await adapter.save(folder);
        adapter.remove();
        assertEquals(await logitsOf(model), base);
        const { rows } = await readAdapter(folder, { withSaved: true });
        assertEquals(rows.get("transformer.wte")!.indices, indices);
        using loaded = await loadAdapter(model, folder);
        assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
        assertEquals(loaded.parameterCount, adapter.parameterCount);
        using copy = await loaded.with({ scale: 1 });
        assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
        assertEquals(copy.tokens.parameters.length, 1);
      });
      const { byRole, padding } = device.ledger.read();
      assertEquals([byRole, padding], [live.byRole, live.padding]);
      for (const trainableTokens of [[3, 3], [11], [0.5], { wpe: [8] }]) {
        assertThrows(
          () => injectLora(model, { rank: 2, trainableTokens }),
          RangeError,
          "replaced rows",
        );
      }
      assertThrows(
        () => injectLora(model, { rank: 2, trainableTokens: { c_attn: [1] } }),
        RangeError,
        'embeddings of the model (transformer.wte, transformer.wpe) to them, found {"c_attn":[1]}',
      );
    },
  },
  {
    name: "the dry device has the bytes of a step that trains tokens",
    run(device) {
      using dry = new DryDevice();
      const [found, predicted] = [device, dry].map((device) => {
        using model = tinyModel(device);
        const trainableTokens = { wte: [1, 4, 5], wpe: [0] };
        using _ = injectLora(model, { rank: 2, trainableTokens });
        device.ledger.resetPeak();
        {
          using tape = new Tape(device);
          tape.backward(lossOf(tape, model));
        }
        return device.ledger.read();
      });
      assertEquals(found, predicted);
    },
  },
  {
    name: "a head tied to an adapted embedding keeps its weight, and merging is refused by name",
    run(device) {
      using model = tinyModel(device);
      using adapter = trainedLora(model, { targetModules: ["wte"] });
      const refuse = (module: string, other: string) =>
        `merging needs updates of weights that no other layer has, found one of ${module}, whose weight ` +
        `${other} shares and would change with it: keep the adapter beside the model`;
      assertThrows(
        () => merge(model, adapter),
        RangeError,
        refuse("transformer.wte", "lm_head"),
      );
      adapter.remove();
      using head = trainedLora(model, { targetModules: ["lm_head"] });
      assertThrows(() => merge(model, head), RangeError, refuse("lm_head", "transformer.wte"));
      head.remove();
      using own = trainedLora(model, { modulesToSave: ["lm_head"] });
      assertThrows(
        () => merge(model, own),
        RangeError,
        "found one of lm_head alone, which shares that of an embedding in the model",
      );
    },
  },
];

await testOn(allDevices, embeddingChecks);
