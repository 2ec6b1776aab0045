/** Families without a forward pass: their tensors against transformers, what PEFT adapts, and what names tell. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  architectureOf,
  type ConfigJson,
  countParameters,
  inferArchitecture,
  type LinearSpec,
  storedShape,
  type TensorSpec,
} from "../../src/architectures/mod.ts";
import { goldenJson } from "../support/golden.ts";

interface GoldenModel {
  readonly name: string;
  readonly config: ConfigJson;
  readonly parameters: number;
  readonly tensors: Readonly<Record<string, string>>;
}

const golden = await goldenJson("families.json") as {
  readonly models: readonly GoldenModel[];
  readonly saved: Pick<GoldenModel, "config" | "tensors">;
};

const shapesOf = (tensors: readonly TensorSpec[]): Record<string, string> =>
  Object.fromEntries(tensors.map((tensor) => [tensor.name, storedShape(tensor).join("x")]));

/** Names with `*` for the first number, and how many there are of one shape. */
function grouped(tensors: readonly TensorSpec[]): Record<string, string> {
  const groups = Map.groupBy(
    Object.entries(shapesOf(tensors)),
    ([name, shape]) => `${name.replace(/(?<=\.)\d+(?=\.)/, "*")} ${shape}`,
  );
  return Object.fromEntries(Array.from(groups, ([key, { length }]) => {
    const [name, shape] = key.split(" ");
    return [name, `${length} of ${shape}`];
  }));
}

for (const { name, config, parameters, tensors } of golden.models) {
  Deno.test(`${name} as ${config.architectures} has transformers' tensors, ${parameters} values`, () => {
    const ours = architectureOf(config).tensors;
    // Its files hold the matrices of experts one by one: see below.
    if (config.model_type !== "mixtral") assertEquals(grouped(ours), tensors);
    assertEquals(countParameters(ours), parameters);
    assertEquals(new Set(ours.map(({ name }) => name)).size, ours.length);
  });
}

Deno.test("a Mixtral has the tensors of its files, an expert at a time", () => {
  const { config, tensors } = golden.saved;
  assertEquals(shapesOf(architectureOf(config).tensors), tensors);
});

Deno.test("the trunk of a family without a forward has the same tensors, without the prefix", () => {
  for (const { name, config } of golden.models) {
    const { tensors, trunk } = architectureOf(config), [model] = config.architectures as string[];
    const bare = architectureOf({ ...config, architectures: [model.replace(/For\w+$/, "Model")] });
    const shapes = shapesOf(bare.tensors);
    assertEquals(bare.trunk, "", name);
    for (const [key, shape] of Object.entries(shapesOf(tensors))) {
      if (key.startsWith(trunk)) assertEquals(shapes[key.slice(trunk.length)], shape, name);
    }
  }
});

const rowsOf = ({ parts }: LinearSpec): number[] =>
  Object.values(parts).flat().flatMap(({ start, count }) =>
    Array.from({ length: count }, (_, row) => start + row)
  );

Deno.test("the parts of a layer are all of its rows, each once, in every layout", () => {
  for (const { config } of [...golden.models, golden.saved]) {
    for (const linear of architectureOf(config).linears) {
      if (/\.[1-9]/.test(linear.name)) continue; // Blocks are alike.
      const rows = rowsOf(linear).sort((a, b) => a - b);
      if (rows.length > 0) assertEquals(rows, [...Array(linear.outputs).keys()], linear.name);
    }
  }
});

Deno.test("a Falcon's queries, keys and values are by group, by head, or one key for all", () => {
  const parts = (fields: ConfigJson) => {
    const sizes = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 4, vocab_size: 5 };
    const { linears } = architectureOf({ model_type: "falcon", ...sizes, ...fields });
    return linears.find(({ name }) => name.endsWith("query_key_value"))!.parts;
  };
  const range = (start: number, count: number) => ({ start, count });
  assertEquals(parts({}), { q: range(0, 8), k: range(8, 2), v: range(10, 2) });
  assertEquals(parts({ new_decoder_architecture: true, num_kv_heads: 2 }), {
    q: [range(0, 4), range(8, 4)],
    k: [range(4, 2), range(12, 2)],
    v: [range(6, 2), range(14, 2)],
  });
  assertEquals(parts({ multi_query: false }).v, [4, 10, 16, 22].map((start) => range(start, 2)));
  const wrong = () => parts({ num_attention_heads: 3 });
  assertThrows(wrong, RangeError, "needs num_attention_heads to divide the width, 8, found 3");
});

Deno.test("names and shapes in files tell the kind and role of layers of these families too", () => {
  const counted = ({ name, kind, inputs, outputs, parts }: LinearSpec) => {
    const roles = Object.keys(parts);
    // Only a configuration says how the rows of a fused projection are divided.
    return { name, kind, inputs, outputs, roles: roles.length > 1 ? [] : roles };
  };
  for (const { name, config } of [...golden.models, { name: "mixtral", ...golden.saved }]) {
    const { tensors, linears } = architectureOf(config);
    const stored = tensors.map((tensor) => ({ name: tensor.name, shape: storedShape(tensor) }));
    assertEquals(inferArchitecture(stored).linears.map(counted), linears.map(counted), name);
  }
});
