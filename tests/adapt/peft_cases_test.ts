/**
 * The cases of PEFT's `tests/test_tuners_utils.py` and `tests/test_lora_variants.py` by their names. What PEFT answers is in
 * `tests/golden/peft_cases.json`, which `scripts/golden/peft_cases.py` makes.
 *
 * Not here, with the reason:
 *
 * - `test_feedforward_matching_ia3`, `test_maybe_include_all_linear_layers_ia3_loha`,
 *   `test_ia3_targeted_module_regex`, `test_ia3_targeted_module_list`, `test_ia3_two_excluded_module_regex`,
 *   `test_ia3_multiple_excluded_modules_list`, `test_find_minimal_target_modules_does_not_error_with_ia3`,
 *   `test_loha_model`, `test_vera_model`, `test_prefixes_model_level_containers_vera`, `test_prefix_tuning`,
 *   `test_adaption_prompt`, `test_mixed_model_raises`: other methods than LoRA, which are refused by
 *   `peft_type`.
 * - `test_maybe_include_all_linear_layers_lora_bnb`, `test_quantization_backend_*`,
 *   `test_model_quantization_backend_*`: bases of bitsandbytes do not run here.
 * - `test_maybe_include_all_linear_layers_diffusion`: no diffusion model runs or is counted here.
 * - `TestTargetedParameterNames`, `test_target_parameters*`, `test_model_target_parameters*`: adapters of raw
 *   parameters are refused by `target_parameters`, see below.
 * - `test_low_target_coverage_warning`, `test_high_target_coverage_no_warning`,
 *   `TestBaseTunerWarnForTiedEmbeddings`: nothing prints warnings here; `adapter.loaded` and the sentences of
 *   refusals say what there is to say.
 * - The other cases of `TestModelAndLayerStatus`: they ask for the state of PyTorch's modules (enabled, active,
 *   merged, irregular). Here merging makes another model, adapters are values, and which modules matched is in
 *   `adapter.loaded`, for which see `strict_test.ts`.
 * - `TestBaseTunerGetModelConfig`: PEFT's readers of configurations of Python classes.
 * - The other cases of `TestFindMinimalTargetModules`: names are written in full, never shortened.
 * - The other cases of `TestTunerStateDictKeyPrefixes`: helpers of PEFT over state dictionaries of PyTorch.
 * - `test_calculate_alora_offsets_basic_and_warning`, `test_calculate_alora_offsets_with_adapter_names`,
 *   `test_alora_activation_matches_base_until_invocation`: activated LoRA is refused by
 *   `alora_invocation_tokens`, see below.
 * - DoRA on convolutions: no model here has any. That DoRA's values and gradients are PEFT's is in
 *   `golden_devices_test.ts`.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DoraSite } from "../../src/adapt/lora/site.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import { selectLayerSites } from "../../src/architectures/sites.ts";
import { architectureOf, type ConfigJson } from "../../src/architectures/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { AdapterFileError, parsePeftConfig } from "../../src/formats/mod.ts";
import { compileRules } from "../../src/formats/peft/read.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { openBase } from "./fixtures.ts";

type PeftFields = Readonly<Record<string, unknown>>;

interface PeftCases {
  readonly matching: readonly [string, unknown, unknown, unknown, boolean][];
  readonly targeted: Readonly<
    Record<string, { linears: string[]; config: PeftFields; names?: string[]; error?: string }>
  >;
  readonly patterns: Readonly<
    Record<string, { config: PeftFields; layers: Record<string, [rank: number, scaling: number]> }>
  >;
  readonly all_linear: Readonly<
    Record<string, { config: ConfigJson; targets: string[]; names: string[] }>
  >;
  readonly keys: readonly string[];
}

const cases: PeftCases = await goldenJson("peft_cases.json");

/** Rules of a PEFT configuration: the modules that it selects, their ranks and α. */
const rulesOf = (fields: PeftFields) =>
  compileRules(parsePeftConfig({ peft_type: "LORA", ...fields }));

for (const [i, [key, target_modules, layers, lists, expected]] of cases.matching.entries()) {
  const shown = JSON.stringify([key, target_modules, layers, lists]).slice(1, -1);
  Deno.test(`TestPeftCustomKwargs.test_regex_matching_valid ${i}: ${shown}`, () => {
    const fields = { target_modules, layers_to_transform: layers, layers_pattern: lists };
    assertEquals(rulesOf(fields).selects(key), expected);
  });
}

for (const [name, { linears, config, names = [], error }] of Object.entries(cases.targeted)) {
  Deno.test(error ? `${name}: nothing is left, which PEFT refuses` : name, () => {
    assert(error !== undefined || names.length > 0);
    assertEquals(linears.filter(rulesOf(config).selects), names);
  });
}

for (const [name, { config, layers }] of Object.entries(cases.patterns)) {
  Deno.test(name, () => {
    const fields = { target_modules: "all-linear", ...config },
      { rankOf, alphaOf } = rulesOf(fields);
    const found = Object.keys(layers).map((layer) => {
      const rank = rankOf(layer) ?? 8;
      return [layer, [rank, (alphaOf(layer) ?? 8) / rank]];
    });
    assertEquals(Object.fromEntries(found), layers);
  });
}

for (const [name, { config, targets, names }] of Object.entries(cases.all_linear)) {
  Deno.test(name, () => {
    const { linears } = architectureOf(config), sorted = names.toSorted();
    const select = (targetModules: string | string[]) =>
      selectLayerSites(linears, { targetModules }).map((site) => site.name).sort();
    assertEquals(select("all-linear"), sorted);
    assertEquals(select(targets), sorted);
  });
}

const targets = { list: ["k_proj"], none: null, pattern: ".*(q_proj|v_proj)$" };

for (const [name, target_modules] of Object.entries(targets)) {
  Deno.test(`TestPeftCustomKwargs.test_maybe_include_all_linear_layers_internals: ${name}`, () => {
    const { targetModules = null } = parsePeftConfig({ peft_type: "LORA", target_modules });
    assertEquals(targetModules, target_modules);
  });
}

/** The golden GPT-2 on the `cpu` device. */
async function withBase(use: (model: TextModel) => void | Promise<void>): Promise<void> {
  using device = await openDevice({ kind: "cpu" });
  using model = await openBase(device);
  await use(model);
}

const allLinear = { rank: 2, targetModules: "all-linear", seed: 1 } as const;

for (
  const name of [
    "TestPeftCustomKwargs.test_all_linear_nested_targets_correct_layers",
    "TestPeftCustomKwargs.test_add_second_adapter_with_all_linear_works",
  ]
) {
  Deno.test(`${name}: a second adapter adapts the layers that the first one does`, () =>
    withBase((model) => {
      using first = injectLora(model, allLinear);
      using second = injectLora(model, { ...allLinear, onTop: true });
      const [one, other] = [first, second].map(({ sites }) => sites.map(({ name }) => name));
      assertEquals(one.length, 8);
      assertEquals(other, one);
    }));
}

Deno.test("TestExcludedModuleNames.test_no_modules_matched: a new adapter's target, too", () =>
  withBase((model) => {
    const options = { ...allLinear, targetModules: ["non_existent_module"] };
    assertThrows(() => injectLora(model, options), RangeError, "non_existent_module");
  }));

Deno.test("TestTunerStateDictKeyPrefixes.test_prefixes_select_correct_state_dict_keys", () =>
  withBase((model) =>
    withFolder(async (folder) => {
      const layer = "transformer.h.0.mlp.c_fc";
      using adapter = injectLora(model, { ...allLinear, targetModules: [layer] });
      await adapter.save(folder);
      const keys = [...(await tensorsOf(`${folder}/adapter_model.safetensors`)).keys()].sort();
      assertEquals(keys, cases.keys.map((key) => key.replace("lin0", layer)));
    })
  ));

Deno.test("TestTargetedParameterNames: raw parameters are refused by name", () => {
  const json = { peft_type: "LORA", target_parameters: ["lin0.weight"] };
  const rule = "target_parameters must be null, false or empty (not implemented: adapters of raw";
  assertThrows(() => parsePeftConfig(json), AdapterFileError, rule);
});

const dora = { rank: 3, alpha: 6, targetModules: "all-linear", dora: true, seed: 1 } as const;

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
