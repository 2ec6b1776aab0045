/** What a library calls itself. @module */

/** The symbols of `settingDefinitions`, where the library has them. */
export interface NameSymbols {
  /** Its version and options. */
  readonly config: (() => Deno.PointerValue) | null;
  /** The processor whose kernels it took. */
  readonly core: (() => Deno.PointerValue) | null;
}

/** `OpenBLAS 0.3.29 SkylakeX`; a word for its kind where it does not say. */
export function nameOf({ config, core }: NameSymbols): string {
  const words = textAt(config?.()).split(" ").slice(0, 2);
  if (words.length < 2) return Deno.build.os === "darwin" ? "Accelerate" : "BLAS";
  return [...words, textAt(core?.())].join(" ").trim();
}

function textAt(pointer: Deno.PointerValue | undefined): string {
  return pointer ? Deno.UnsafePointerView.getCString(pointer) : "";
}
