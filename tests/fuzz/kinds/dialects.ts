/** Adapters of other programs: kohya's and diffusers' files, and loralib's. @module */

import fc from "npm:fast-check@4.10.2";
import { AdapterFileError, ShapeError } from "../../../src/core/errors.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import {
  kohyaUpdates,
  loralibTensors,
  loralibUpdates,
  readSafetensors,
} from "../../../src/formats/mod.ts";
import { type Files, inMemory, type Kind, sound } from "../kind.ts";
import { type GoodTensor, safetensors, safetensorsFiles } from "../tensors.ts";
import { checkUpdate } from "./adapters.ts";

const name = "model.safetensors";
const six = [1, 2, 3, 4, 5, 6];

/** The layers of a text encoder, some of which have names that are alike without their dots. */
const layers = ["layers.0.q_proj", "layers.0.q.proj", "layers.1.v_proj", "unet.down.attn"];

/** A and B of a module by the two names that a program has for them, and its α. */
const pair = (module: string, down: string, up: string, alpha = true): GoodTensor[] => [
  { name: `${module}.${down}.weight`, shape: [2, 3], values: six },
  { name: `${module}.${up}.weight`, shape: [3, 2], values: six },
  ...(alpha ? [{ name: `${module}.alpha`, shape: [], values: [4] }] : []),
];

const kohyaFiles = [
  [
    ...pair("lora_te_layers_1_v_proj", "lora_down", "lora_up"),
    ...pair("x", "lora_down", "lora_up"),
  ],
  pair("unet.down.attn", "lora.down", "lora.up", false),
  pair("unet.down.attn", "lora_linear_layer.down", "lora_linear_layer.up", false),
  [
    { name: "lora_unet_conv.lora_down.weight", shape: [2, 3, 1, 1], values: six },
    { name: "lora_unet_conv.lora_up.weight", shape: [3, 2, 1, 1], values: six },
  ],
  pair("lora_te_layers_0_q_proj", "lora_down", "lora_up"),
].map((tensors) => safetensors(tensors, { ss_network_dim: "2" }));

/** Files of kohya and diffusers. */
export const kohyaAdapters: Kind = {
  name: "files of kohya",
  inputs: safetensorsFiles(fc.constantFrom(...kohyaFiles))
    .map((bytes): Files => ({ [name]: bytes })),
  refusals: [AdapterFileError, SyntaxError, RangeError, TypeError, ShapeError],
  read: async (files) => {
    const { tensors } = await readSafetensors(inMemory(files));
    for (const update of kohyaUpdates(tensors, layers)) checkUpdate(update);
  },
};

const loralibFiles = [
  [
    { name: "h.0.attn.c_attn.lora_A", shape: [4, 3], values: [...six, ...six] },
    { name: "h.0.attn.c_attn.lora_B", shape: [4, 2], values: [...six, 7, 8] },
    { name: "h.0.attn.c_attn.bias", shape: [2], values: [1, 2] },
  ],
  [
    { name: "query.lora_A", shape: [2, 3], values: six },
    { name: "query.lora_B", shape: [3, 2], values: six },
  ],
].map((tensors) => safetensors(tensors));

const choices = [[true], [true, false, true], [true, true], [false, true], [false], []];

/** Files of loralib, read as layers of some parts, written again and read again. */
export const loralibAdapters: Kind = {
  name: "files of loralib",
  inputs: fc.tuple(
    safetensorsFiles(fc.constantFrom(...loralibFiles)),
    fc.constantFrom(...choices),
    fc.constantFrom(2, 0.5, -1, 0, 1e308, NaN),
  ).map(([bytes, enabled, scaling]): Files => ({
    [name]: bytes,
    "layers.json": new TextEncoder().encode(JSON.stringify({ enabled, scaling })),
  })),
  refusals: [SyntaxError, RangeError, TypeError, ShapeError],
  read: async (files) => {
    const { enabled, scaling } = JSON.parse(new TextDecoder().decode(files["layers.json"]));
    const { tensors } = await readSafetensors(inMemory(files));
    const updates = loralibUpdates(tensors, scaling ?? NaN, { enabled });
    for (const update of updates) checkUpdate(update);
    if (updates.length === 0) return;
    const again = loralibTensors(updates, { enabled });
    for (const [key, { shape, data }] of again) {
      const before = tensors.get(key) as HostTensor;
      sound(`${shape}` === `${before.shape}`, `${key} of ${before.shape} as ${shape}`);
      sound(data.every((value, i) => value === before.data[i]), `other values of ${key}`);
    }
  },
};
