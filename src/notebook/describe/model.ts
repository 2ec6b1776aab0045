/** A model and an adapter as tables. @module */

import type { LoraAdapter } from "../../adapt/mod.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { howMany } from "../../core/how_many.ts";
import { formatShape, sizeOf } from "../../core/shape.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import { countTrainable, type Model, type TextModel } from "../../models/mod.ts";

/** Parameters of one kind in all blocks. */
interface Kind {
  readonly name: string;
  readonly members: BaseTensor[];
}

type BaseTensor = Pick<Parameter, "name" | "shape" | "size" | "trainable">;

/** A model: one row for each kind of parameter, over all blocks. */
export function modelTable(model: TextModel): DataTable {
  const { description, vocabulary, positions } = model;
  const total = parametersOf(model), trainable = countTrainable(model);
  return {
    id: "model",
    title: `${description}, ${formatValue(vocabulary, "count")} tokens, ` +
      `context ${formatValue(positions, "count")}; ` +
      `${formatValue(trainable, "count")} trainable values`,
    columns: [
      { key: "name", label: "parameter", unit: "text" },
      { key: "times", label: "count", unit: "count" },
      { key: "shape", label: "shape", unit: "text" },
      { key: "parameters", label: "parameters", unit: "count" },
      { key: "share", label: "share", unit: "percent" },
      { key: "trained", label: "trained", unit: "text" },
    ],
    rows: [...kindsOf(model).map((kind) => kindRow(kind, total)), {
      name: "all",
      parameters: total,
      share: 100,
    }],
  };
}

function kindRow({ name, members }: Kind, total: number) {
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

/** `h.*.attn.c_attn.weight` stands for that weight in all blocks. */
function kindsOf(model: Model): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const tensor of tensorsOf(model)) {
    const name = tensor.name.replace(/\.\d+\./, ".*."), members = kinds.get(name)?.members ?? [];
    kinds.set(name, { name, members: [...members, tensor] });
  }
  return [...kinds.values()];
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
  return {
    id: "adapter",
    title: `LoRA on ${howMany(adapter.sites.length, "site")}: ` +
      `${formatValue(adapter.parameterCount, "count")} parameters, ` +
      `${share.toPrecision(3)}% of the base, ${formatValue(adapter.bytes, "bytes")}`,
    columns: [
      { key: "name", label: "site", unit: "text" },
      { key: "rank", label: "rank r", unit: "count" },
      { key: "alpha", label: "α", unit: "number" },
      { key: "scaling", label: "scaling s", unit: "number" },
      { key: "A", label: "A", unit: "text" },
      { key: "B", label: "B", unit: "text" },
      { key: "parameters", label: "parameters", unit: "count" },
    ],
    rows: adapter.sites.map(({ name, rank, alpha, scaling, A, B }) => ({
      name,
      rank,
      alpha,
      scaling,
      A: formatShape(A.shape),
      B: formatShape(B.shape),
      parameters: A.size + B.size,
    })),
  };
}
