/** What a contender's process finds in its environment. @module */

/** Settings that other work on this machine makes slow are not PyTorch's; without BLAS means off. */
export function environmentOf(variant: string): Record<string, string> {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...rest } = Deno.env.toObject();
  const blas: Record<string, string> = /^cpu/.test(variant) ? { LOWRANK_BLAS: "off" } : {};
  return { DENO_WEBGPU_BACKEND: "vulkan", ...rest, ...blas };
}
