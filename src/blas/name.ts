/** What a library calls itself. @module */

/** The symbols of `settingDefinitions` that the library has. */
export interface NameSymbols {
  /** Its version and options. */
  readonly config: (() => Deno.PointerValue) | null;
  /** The processor type whose kernels it chose. */
  readonly core: (() => Deno.PointerValue) | null;
}

/** Such as `OpenBLAS 0.3.29 SkylakeX`; `Accelerate` or `BLAS` if the library does not say. */
export function nameOf({ config, core }: NameSymbols): string {
  const words = textAt(config?.()).split(" ").slice(0, 2);
  if (words.length < 2) return Deno.build.os === "darwin" ? "Accelerate" : "BLAS";
  return [...words, textAt(core?.())].join(" ").trim();
}

function textAt(pointer: Deno.PointerValue | undefined): string {
  return pointer ? Deno.UnsafePointerView.getCString(pointer) : "";
}
