/** A model and an adapter as tables. @module */

import type { LoraAdapter } from "../../adapt/mod.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { howMany } from "../../core/how_many.ts";
import { formatShape, sizeOf } from "../../core/shape.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import { table } from "../../figures/table.ts";
import { countTrainable, type Model, type TextModel } from "../../models/mod.ts";

/** A tensor of the base, whatever stores it. */
type BaseTensor = Pick<Parameter, "name" | "shape" | "size" | "trainable">;

/** A row of a model's table; the last one is for all parameters. */
interface KindRow {
  readonly name: string;
  readonly times?: number;
  readonly shape?: string;
  readonly parameters: number;
  readonly share: number;
  readonly trained?: string;
}

/** A model: one row for each kind of parameter, over all blocks. */
export function modelTable(model: TextModel): DataTable {
  const { description, vocabulary, positions } = model;
  const total = parametersOf(model), trainable = countTrainable(model);
  return table<KindRow>({
    id: "model",
    title: `${description}, ${formatValue(vocabulary, "count")} tokens, ` +
      `context ${formatValue(positions, "count")}; ` +
      `${formatValue(trainable, "count")} trainable values`,
    columns: [
      ["name", "parameter", "text"],
      ["times", "count", "count"],
      ["shape", "shape", "text"],
      ["parameters", "parameters", "count"],
      ["share", "share", "percent"],
      ["trained", "trained", "text"],
    ],
    rows: [
      ...Array.from(kindsOf(model), ([name, members]) => kindRow(name, members, total)),
      { name: "all", parameters: total, share: 100 },
    ],
  });
}

function kindRow(name: string, members: readonly BaseTensor[], total: number): KindRow {
  const parameters = members.reduce((sum, { size }) => sum + size, 0);
  const trained = members.filter(({ trainable }) => trainable).length;
  return {
    name,
    times: members.length,
    shape: formatShape(members[0].shape),
    parameters,
    share: 100 * parameters / total,
    trained: trained === 0 ? "no" : trained === members.length ? "yes" : `${trained}`,
  };
}

/** The tensors by kind: `h.*.attn.c_attn.weight` stands for that weight in all blocks. */
function kindsOf(model: Model): Map<string, BaseTensor[]> {
  return Map.groupBy(tensorsOf(model), ({ name }) => name.replace(/\.\d+\./, ".*."));
}

/** The base's own tensors: its parameters, and weights that are stored in another form. */
function tensorsOf({ parameters, linears }: Model): BaseTensor[] {
  const others = linears.map(({ weight }) => weight).filter(({ parameter }) => !parameter);
  const frozen = others.map(({ name, shape }) => {
    return { name, shape, size: sizeOf(shape), trainable: false };
  });
  return [...parameters.values(), ...frozen];
}

function parametersOf(model: Model): number {
  return tensorsOf(model).reduce((sum, { size }) => sum + size, 0);
}

/** An adapter: one row per site. */
export function adapterTable(adapter: LoraAdapter): DataTable {
  const share = 100 * adapter.parameterCount / parametersOf(adapter.model);
  return table({
    id: "adapter",
    title: `LoRA on ${howMany(adapter.sites.length, "site")}: ` +
      `${formatValue(adapter.parameterCount, "count")} parameters, ` +
      `${share.toPrecision(3)}% of the base, ${formatValue(adapter.bytes, "bytes")}`,
    columns: [
      ["name", "site", "text"],
      ["rank", "rank r", "count"],
      ["alpha", "α", "number"],
      ["scaling", "scaling s", "number"],
      ["A", "A", "text", ({ A }) => formatShape(A.shape)],
      ["B", "B", "text", ({ B }) => formatShape(B.shape)],
      ["parameters", "parameters", "count", ({ A, B }) => A.size + B.size],
    ],
    rows: adapter.sites,
  });
}
