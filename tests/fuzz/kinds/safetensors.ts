/** Safetensors files: their headers, their values, and the index of several. @module */

import fc from "npm:fast-check@4.10.2";
import { inferArchitecture } from "../../../src/architectures/mod.ts";
import { openSafetensors, parseHeader, readSafetensors } from "../../../src/formats/mod.ts";
import { type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { goodFiles, safetensors, safetensorsFiles } from "../tensors.ts";

const name = "model.safetensors", index = `${name}.index.json`;
const corrupted = safetensorsFiles(goodFiles).map((bytes): Files => ({ [name]: bytes }));

/** Headers alone, and the architecture that their names tell. */
export const headers: Kind = {
  name: "safetensors headers",
  inputs: corrupted,
  refusals: [SyntaxError, RangeError],
  read: (files) => checkHeader(files[name]),
  command: (folder) => ["count", `${folder}/${name}`],
};

function checkHeader(bytes: Uint8Array): void {
  const { tensors, metadata, dataOffset } = parseHeader(bytes, bytes.length);
  let end = dataOffset;
  for (const { shape, offset, bytes: count } of tensors.values()) {
    sound(shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0), `shape ${shape}`);
    sound(offset === end, `a tensor at ${offset} after ${end}`);
    end += count;
  }
  sound(end === bytes.length, `tensors that end at ${end} of ${bytes.length}`);
  const words = Object.values(metadata);
  sound(words.every((word) => typeof word === "string"), "metadata that is not text");
  inferArchitecture(Array.from(tensors, ([name, { shape }]) => ({ name, shape })));
}

/** Whole files. */
export const wholeFiles: Kind = {
  name: "safetensors files",
  inputs: corrupted,
  refusals: [SyntaxError, RangeError, TypeError],
  read: async (files) => {
    const { tensors } = await readSafetensors(inMemory(files));
    let held = 0;
    for (const [key, { shape, data }] of tensors) {
      const elements = shape.reduce((product, extent) => product * extent, 1);
      sound(data.length === elements, `${data.length} values of "${key}" for shape ${shape}`);
      held += data.byteLength;
    }
    // A byte of the file becomes at most one value of 4 bytes.
    sound(held <= 4 * files[name].length, `${held} bytes from a file of ${files[name].length}`);
  },
};

const shards: Files = {
  "model-1.safetensors": safetensors([{ name: "a.weight", shape: [2, 3] }]),
  "model-2.safetensors": safetensors([{ name: "b.weight", shape: [3] }]),
};

/** Indexes of two shards, one of which may be corrupted as well. */
export const shardIndexes: Kind = {
  name: "shard indexes",
  inputs: fc.record({
    [index]: jsonFiles(
      fc.constant({
        metadata: { total_size: 36 },
        weight_map: { "a.weight": "model-1.safetensors", "b.weight": "model-2.safetensors" },
      }),
      {
        values: ["model-1.safetensors", "model-3.safetensors", "/etc/passwd", index],
        keys: ["weight_map", "a.weight", "c.weight"],
      },
    ),
    "model-1.safetensors": fc.constant(shards["model-1.safetensors"]),
    "model-2.safetensors": fc.oneof(
      fc.constant(shards["model-2.safetensors"]),
      safetensorsFiles(fc.constant(shards["model-2.safetensors"])),
    ),
  }),
  refusals: [SyntaxError, RangeError, Error],
  read: async (files) => {
    using file = await openSafetensors(inMemory(files));
    const largest = Math.max(...Object.values(files).map(({ length }) => length));
    for (const [key, { offset, bytes }] of file.tensors) {
      sound(offset + bytes <= largest, `"${key}" up to ${offset + bytes} of ${largest} bytes`);
    }
  },
  command: (folder) => ["count", `${folder}/${index}`],
};
