/** Numbers as devices compute with them. @module */

/** The least F32 number above 0 of full precision; GPUs may take smaller ones for 0. */
const leastFloat32 = 2 ** -126;

/** Whether a number is finite in F32, and not 0 there unless it is 0. */
export function fitsFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value)) && (value === 0 || Math.abs(value) >= leastFloat32);
}
