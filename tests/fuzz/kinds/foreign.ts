/** Adapters in the form of loralib and of kohya's scripts: their tensors, and what our metadata say of them. @module */

import fc from "npm:fast-check@4.10.2";
import { readForeign } from "../../../src/adapt/convert/dialects.ts";
import { AdapterFileError, ShapeError } from "../../../src/core/errors.ts";
import { indicesOf } from "../../../src/core/update.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { type GoodTensor, safetensors, safetensorsFiles, withMetadata } from "../tensors.ts";

const counting = (name: string, ...shape: number[]): GoodTensor => ({
  ...{ name, shape },
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
});

const loralib = safetensors([
  counting("h.0.attn.c_attn.lora_A", 2, 3),
  counting("h.0.attn.c_attn.lora_B", 4, 1),
  counting("h.0.mlp.c_fc.lora_A", 2, 3),
  counting("h.0.mlp.c_fc.lora_B", 5, 2),
  counting("h.0.mlp.c_fc.bias", 5),
]);

const kohya = safetensors([
  counting("lora_te_h_0_c_fc.lora_down.weight", 2, 3),
  counting("lora_te_h_0_c_fc.lora_up.weight", 4, 2),
  counting("lora_te_h_0_c_fc.alpha"),
]);

const goodLoralib = { alpha: 4, enable_lora: [true, false, true] };
const goodLayers = ["h.0.c_fc", "h.1.c_fc"];

const bothKinds = fc.oneof(
  ...[
    { file: loralib, key: "lowrank.loralib", good: goodLoralib },
    { file: kohya, key: "lowrank.layers", good: goodLayers },
  ].flatMap(({ file, key, good }) => {
    const whole = (json: string) => withMetadata(file, { format: "pt", [key]: json });
    const values = [[true], [false], Array(40).fill(true), 1e308, "h.0.c_fc", "h_0.c_fc", []];
    const keys = ["alpha", "enable_lora"];
    return [
      jsonFiles(fc.constant(good), { values, keys })
        .map((bytes) => whole(new TextDecoder().decode(bytes))),
      safetensorsFiles(fc.constant(whole(JSON.stringify(good)))),
    ];
  }),
);

/** Files of both, with their tensors or their metadata corrupted. */
export const foreignAdapters: Kind = {
  name: "adapters of other programs",
  inputs: bothKinds.map((bytes): Files => ({ "lora.safetensors": bytes })),
  refusals: [AdapterFileError, ShapeError, SyntaxError],
  read: async (files) => {
    const { record: { updates } } = await readForeign(inMemory(files)[0], {});
    sound(updates.length > 0, "a file without updates");
    for (const { module, A, B, scaling, rows, outputs = B.shape[0] } of updates) {
      sound(A.shape[0] === B.shape[1], `A of shape ${A.shape} and B of shape ${B.shape}`);
      sound(outputs <= 16 * B.data.length, `${outputs} outputs of ${module}`);
      sound(!rows || indicesOf(rows).every((row) => row < outputs), `rows of ${module}`);
      sound(areFinite(A.data) && areFinite(B.data), `values of ${module}`);
      sound(Number.isFinite(Math.fround(scaling)), `the scaling ${scaling} of ${module}`);
    }
  },
  command: (folder) => ["convert", folder, "--output", `${folder}/out`],
};
