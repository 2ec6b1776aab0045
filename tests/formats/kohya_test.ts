import { assertEquals, assertThrows } from "@std/assert";
import { AdapterFileError } from "../../src/core/errors.ts";
import { type HostTensor, kohyaTensors, kohyaUpdates } from "../../src/formats/mod.ts";
import { matrix } from "./adapter_folders.ts";

const alpha = (...values: number[]): HostTensor => ({
  shape: [],
  data: Float32Array.from(values),
});

const module = "lora_te_text_model_encoder_layers_0_self_attn_q_proj";
const layer = "text_model.encoder.layers.0.self_attn.q_proj";
const pair = {
  [`${module}.lora_down.weight`]: matrix(2, 3),
  [`${module}.lora_up.weight`]: matrix(4, 2),
};

const read = (tensors: Readonly<Record<string, HostTensor>>, modules: string[] = [layer]) =>
  kohyaUpdates(new Map(Object.entries(tensors)), modules);

Deno.test("kohya's factors are A and B, and each module has its own alpha", () => {
  const other = "lora_te_text_model_encoder_layers_1_mlp_fc1";
  const second = {
    [`${other}.lora_up.weight`]: matrix(5, 1),
    [`${other}.lora_down.weight`]: matrix(1, 3),
    [`${other}.alpha`]: alpha(0.5),
  };
  assertEquals(read({ ...pair, [`${module}.alpha`]: alpha(8), ...second }), [
    { module: layer, A: matrix(2, 3), B: matrix(4, 2), scaling: 4 },
    { module: other, A: matrix(1, 3), B: matrix(5, 1), scaling: 0.5 },
  ]);
});

Deno.test("a module of kohya's without alpha has a scaling of 1", () => {
  assertEquals(read(pair).map(({ scaling }) => scaling), [1]);
});

Deno.test("diffusers' names are read, and convolutions of 1 x 1 are matrices", () => {
  for (const middle of ["lora", "lora_linear_layer"]) {
    const [update] = read({
      [`${layer}.${middle}.down.weight`]: matrix(2, 3),
      [`${layer}.${middle}.up.weight`]: { ...matrix(4, 2), shape: [4, 2, 1, 1] },
    });
    assertEquals(update, { module: layer, A: matrix(2, 3), B: matrix(4, 2), scaling: 1 });
  }
});

Deno.test("what is no update of kohya's is refused by name", () => {
  const down = `${module}.lora_down.weight`, kernel = { ...matrix(18, 3), shape: [2, 3, 3, 3] };
  const cases: [string, Record<string, HostTensor>, string[]?][] = [
    [`lora_down, lora_up or alpha, found "${module}.dora_scale"`, {
      ...pair,
      [`${module}.dora_scale`]: matrix(4, 1),
    }],
    [`found "${module}.hada_w1_a"`, { [`${module}.hada_w1_a`]: matrix(4, 1) }],
    [`must come in pairs, found one of "${module}"`, { [down]: matrix(2, 3) }],
    [`convolutions of 1 x 1, found [2, 3, 3, 3]`, { ...pair, [down]: kernel }],
    ["alpha of", { ...pair, [`${module}.alpha`]: alpha(NaN) }],
    ["must be one finite number, found [1,2]", { ...pair, [`${module}.alpha`]: alpha(1, 2) }],
    ["must be the name of one layer", pair, [layer, layer.replace("self_attn", "self.attn")]],
  ];
  for (const [words, tensors, modules] of cases) {
    assertThrows(() => read(tensors, modules), AdapterFileError, words);
  }
});

Deno.test("a part of a diffusion model that its reader does not know is refused", () => {
  const updates = [{ module: layer, A: matrix(2, 3), B: matrix(4, 2), scaling: 1 }];
  for (const kind of ["te", "te2", "unet", "transformer", "prior_unet"]) {
    assertEquals(kohyaUpdates(kohyaTensors(updates, kind), [layer]), updates, kind);
  }
  for (const kind of ["u net", "te10", ""]) {
    assertThrows(() => kohyaTensors(updates, kind), RangeError, `prior_unet, found "${kind}"`);
  }
});
