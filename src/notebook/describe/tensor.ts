/** Host tensors as text: shape, type and the first values. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { howMany } from "../../core/how_many.ts";
import { formatShape } from "../../core/shape.ts";

/** Numbers of any type. */
type Numbers = ArrayLike<number | bigint> & ArrayBufferView;

const mostRows = 6, mostColumns = 8;

/** True for a typed array and for a host tensor. */
export function isTensorLike(value: object): value is Numbers | HostTensor {
  return isNumbers(value) || ("data" in value && "shape" in value && isNumbers(value.data));
}

/** A line with shape and type, then the first rows and columns. */
export function describeTensor(value: Numbers | HostTensor): string {
  const { shape, data } = isNumbers(value) ? { shape: [value.length], data: value } : value;
  const columns = shape.at(-1) ?? 1, rows = columns === 0 ? 0 : data.length / columns;
  const lines = Array.from(
    { length: Math.min(rows, mostRows) },
    (_, row) => line(data as Numbers, row * columns, columns),
  );
  if (rows > mostRows) lines.push(["…"]);
  return [headOf(shape, data as Numbers), ...aligned(lines)].join("\n");
}

function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function headOf(shape: readonly number[], data: Numbers): string {
  let strange = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Number(data[i]))) strange++;
  const name = `${data.constructor.name} ${formatShape(shape)}`;
  return strange === 0 ? name : `${name}, ${howMany(strange, "value")} not finite`;
}

function line(data: Numbers, start: number, columns: number): string[] {
  const shown = Math.min(columns, mostColumns);
  const cells = Array.from({ length: shown }, (_, i) => format(data[start + i]));
  return shown < columns ? [...cells, "…"] : cells;
}

function format(value: number | bigint): string {
  if (typeof value === "bigint" || Number.isInteger(value)) {
    return Object.is(value, -0) ? "-0" : String(value);
  }
  return Number.isFinite(value) ? value.toPrecision(4) : String(value);
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const width = Math.max(0, ...lines.flat().map((cell) => cell.length));
  return lines.map((line) =>
    line.map((cell) => cell === "…" ? cell : cell.padStart(width)).join("  ")
  );
}
