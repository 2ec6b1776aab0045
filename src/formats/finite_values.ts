/** Values that must be finite in a file. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { positionIn } from "../core/shape.ts";
import type { Dtype } from "./dtype.ts";

/** The smallest magnitudes that are rounded to infinity; to BF16, values of F64 are rounded twice. */
const INFINITE: Partial<Record<Dtype, number>> = {
  F32: 2 ** 128 - 2 ** 103,
  F16: 65520,
  BF16: 2 ** 128 - 2 ** 119 - 2 ** 103,
};

/**
 * Throws when a float is NaN, infinite, or rounded to infinity in the dtype.
 *
 * @param action What cannot be done then, for the message.
 * @param first How many of the tensor's values precede the data.
 * @throws {RangeError} when it is.
 */
export function assertStoredFinite(
  action: string,
  name: string,
  { shape, data }: HostTensor,
  dtype: Dtype,
  first = 0,
): void {
  const at = data instanceof Uint16Array
    ? data.findIndex((bits) => (bits & 0x7c00) === 0x7c00)
    : tooLargeAt(data, INFINITE[dtype]);
  if (at < 0) return;
  const found = data instanceof Uint16Array ? "bits of one that is not" : data[at];
  const limit = Number.isFinite(found) ? ` (|x| must be below ${INFINITE[dtype]})` : "";
  const place = positionIn(shape, first + at).join(", ");
  throw new RangeError(
    `${action}: the values of "${name}" must be finite in ${dtype}, found ${found} at [${place}]${limit}`,
  );
}

/** The position of the first value whose magnitude is not below a limit; -1 if there is none. */
function tooLargeAt(data: ArrayLike<number>, limit?: number): number {
  if (limit === undefined) return -1;
  for (let i = 0; i < data.length; i++) if (!(Math.abs(data[i]) < limit)) return i;
  return -1;
}
