/** Finds names that a JSON text gives twice, which `JSON.parse` drops in silence. @module */

/** A string, with the colon behind it where it is a name, or the bracket of an object. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/gs;

/** The first name that stands twice in one object of a valid JSON text, if any does. */
export function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if (colon) {
      const name: string = JSON.parse(token.slice(0, -colon.length));
      const names = objects[objects.length - 1];
      if (names.has(name)) return name;
      names.add(name);
    }
  }
}
