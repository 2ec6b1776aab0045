/** Adapters that are made of others. @module */

/** What may have parts. */
interface Whole {
  /** What it is made of. */
  readonly parts?: readonly unknown[];
}

/** Those of adapters that are no part of another: LoRA joined with virtual tokens is one, not three. */
export function wholeAdapters<Adapter extends Whole>(adapters: Iterable<Adapter> = []): Adapter[] {
  const all = [...adapters], parts = new Set(all.flatMap(({ parts = [] }) => parts));
  return all.filter((one) => !parts.has(one));
}
