/** Memory of each thread's own, which the device reserves next to the tensors. */

const SCRATCH_BYTES: usize = 1 << 20;

let base: usize = 0;

/** Tells this instance the address of its thread's scratch. */
export function use_scratch(address: usize): void {
  base = address;
}

/** Bytes of scratch a thread needs. */
export function scratch_bytes(): usize {
  return SCRATCH_BYTES;
}

/** First byte that the module itself does not use. */
export function heap_base(): usize {
  return __heap_base;
}

// @ts-ignore: decorator
@inline export function scratch(offset: usize): usize {
  return base + offset;
}
