/** JSON for pages. @module */

/**
 * JSON with six significant digits, which is more than a picture shows; typed arrays become lists.
 */
export function compactJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner) && !(inner instanceof DataView)) {
      return Array.from(inner as unknown as ArrayLike<number>);
    }
    const rounds = typeof inner === "number" && Number.isFinite(inner) && !Number.isInteger(inner);
    return rounds ? Number(inner.toPrecision(6)) : inner;
  });
}

/** JSON that may stand inside a script element. */
export function scriptJson(value: unknown): string {
  return compactJson(value).replaceAll("<", "\\u003c");
}
