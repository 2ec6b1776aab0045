/** Values as text, in a page. @module */

const names = (value: object): string => value.constructor?.name ?? "Object";

/** A value as Deno would print it, in short. */
export function inspect(value: unknown, depth = 4): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return `[Function: ${value.name || "(anonymous)"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (depth < 0) return `[${names(value)}]`;
  const within = (inner: unknown) => inspect(inner, depth - 1);
  if (value instanceof Map) {
    const pairs = Array.from(value, ([key, held]) => `${within(key)} => ${within(held)}`);
    return `Map(${value.size}) { ${pairs.join(", ")} }`;
  }
  if (value instanceof Set) return `Set(${value.size}) { ${Array.from(value, within).join(", ")} }`;
  if (Array.isArray(value)) return `[ ${listed(value, within)} ]`;
  if (ArrayBuffer.isView(value)) {
    const all = value as unknown as ArrayLike<number>;
    return `${names(value)}(${all.length}) [ ${listed(all, within)} ]`;
  }
  const fields = Object.entries(value).map(([key, held]) => `${key}: ${within(held)}`);
  const name = names(value) === "Object" ? "" : `${names(value)} `;
  return `${name}{ ${fields.join(", ")} }`;
}

const mostItems = 100;

function listed(items: ArrayLike<unknown>, within: (inner: unknown) => string): string {
  const first = Array.from({ length: Math.min(items.length, mostItems) }, (_, i) => items[i]);
  const more = items.length - first.length;
  return [...first.map(within), ...more > 0 ? [`... ${more} more items`] : []].join(", ");
}
