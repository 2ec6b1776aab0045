/**
 * The cases of PEFT's `tests/test_lora_variants.py` by their names; that DoRA's values and gradients are PEFT's
 * is in `variant_checks.ts`.
 *
 * Not here, with the reason: `test_calculate_alora_offsets_basic_and_warning`,
 * `test_calculate_alora_offsets_with_adapter_names` and
 * `test_alora_activation_matches_base_until_invocation`: activated LoRA is refused by
 * `alora_invocation_tokens`, see below; DoRA on convolutions: no model here has any.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { AdapterFileError, parsePeftConfig } from "../../src/formats/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { DoraSite } from "../../src/adapt/lora/dora_site.ts";
import { openBase } from "./golden_checks.ts";
import { golden, tensorsOf } from "../support/golden.ts";

const dora = { rank: 3, alpha: 6, targetModules: "all-linear", dora: true, seed: 1 } as const;

/** The golden GPT-2 on the `cpu` device. */
async function withBase(use: (model: TextModel) => void | Promise<void>): Promise<void> {
  using device = await openDevice({ kind: "cpu" });
  using model = await openBase(device);
  await use(model);
}

Deno.test("TestLoraVariants.test_variant_is_applied_to_layers: every layer that PEFT gives a magnitude", () =>
  withBase(async (model) => {
    using adapter = injectLora(model, dora);
    assert(adapter.sites.every((site) => site instanceof DoraSite));
    const keys = [
      ...(await tensorsOf(golden("adapters/peft_dora/adapter_model.safetensors"))).keys(),
    ];
    const ending = ".lora_magnitude_vector", prefix = "base_model.model.".length;
    const layers = keys.filter((key) => key.endsWith(ending))
      .map((key) => key.slice(prefix, -ending.length));
    assertEquals(adapter.sites.map(({ name }) => name).sort(), layers.sort());
  }));

Deno.test("TestLoraVariants.test_dora_params_have_gradients", () =>
  withBase(async (model) => {
    using adapter = injectLora(model, dora);
    using tape = new Tape(model.device);
    const tokens = { shape: [1, 6], data: Int32Array.of(1, 2, 3, 4, 5, 6) };
    const loss = crossEntropy(
      tape,
      model.forward(tape, { tokens }),
      Int32Array.of(2, 3, 4, 5, 6, 7),
    );
    tape.backward(loss);
    for (const site of adapter.sites as DoraSite[]) {
      const [{ data }] = await model.device.read(tape.gradientOf(site.magnitude)!);
      assert(data.some((value) => value !== 0), site.name);
      assert(data.every((value) => Number.isFinite(value)), site.name);
    }
  }));

Deno.test("activated LoRA is refused by name", () => {
  const json = { peft_type: "LORA", alora_invocation_tokens: [1, 2] };
  assertThrows(() => parsePeftConfig(json), AdapterFileError, "not implemented: activated LoRA");
});
