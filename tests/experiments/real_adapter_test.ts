import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { modulesOf, realAdapter } from "../../experiments/real_adapter.ts";
import { outcomeWithoutData } from "./without_data.ts";

const matrix = (rows: number, columns: number) => {
  return { shape: [rows, columns], data: new Float32Array(rows * columns).fill(1) };
};

const key = (layer: number, site: string, part: string) =>
  `roberta.encoder.layer.${layer}.attention.self.${site}.lora_${part}`;

Deno.test("loralib's pairs are found, in the order of the layers; the classifier is passed over", () => {
  const pair = (layer: number, site: string) =>
    [
      [key(layer, site, "B"), matrix(4, 2)],
      [key(layer, site, "A"), matrix(2, 4)],
    ] as const;
  const tensors = new Map([
    ...pair(10, "value"),
    ...pair(10, "query"),
    ...pair(2, "query"),
    ["classifier.dense.weight", matrix(4, 4)] as const,
  ]);
  const found = modulesOf(tensors).map(({ site, layer }) => `${site} ${layer}`);
  assertEquals(found, ["query 2", "query 10", "value 10"]);
  tensors.delete(key(2, "query", "B"));
  assertThrows(() => modulesOf(tensors), RangeError, "layer.2.attention.self.query.lora_B");
});

Deno.test("without the folder the experiment says in a line that it was left out", async () => {
  const outcome = await outcomeWithoutData(realAdapter, { full: false });
  const { settings, findings, figures } = outcome;
  assertStringIncludes(settings, "Left out: the authors' adapter");
  assertEquals([...findings, ...figures], []);
});
