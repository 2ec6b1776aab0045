/** The part of YAML that our manifests use: maps and lists by indentation, scalars, and JSON's flow style. @module */

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * Reads it.
 *
 * @throws {SyntaxError} when a line is not of that part.
 */
export function parsePlainYaml(text: string): unknown {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  const value = blockOf(lines, 0);
  if (lines.length > 0) throw new SyntaxError(`a line is indented otherwise: ${lines[0].text}`);
  return value;
}

/** Takes the lines of a block, the first of which says how far it is indented. */
function blockOf(lines: Line[], least: number): unknown {
  const [{ indent, text }] = lines;
  if (indent < least) return null;
  return text.startsWith("- ") ? listOf(lines, indent) : mapOf(lines, indent);
}

function listOf(lines: Line[], indent: number): unknown[] {
  const items: unknown[] = [];
  while (lines[0]?.indent === indent && lines[0].text.startsWith("- ")) {
    const text = lines[0].text.slice(2), isMap = /^[\w.-]+:/.test(text);
    if (isMap) lines[0] = { indent: indent + 2, text };
    items.push(isMap ? blockOf(lines, indent + 2) : scalarOf(lines.shift()!.text.slice(2)));
  }
  return items;
}

function mapOf(lines: Line[], indent: number): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  while (lines[0]?.indent === indent && !lines[0].text.startsWith("- ")) {
    const { text } = lines.shift()!, [, key, value] = /^([\w.-]+):(?: (.+))?$/.exec(text) ?? [];
    if (key === undefined || key in map) throw new SyntaxError(`not a field of its own: ${text}`);
    map[key] = value === undefined ? blockOf(lines, indent + 1) : scalarOf(value);
  }
  return map;
}

/** `4`, `"4"`, `["a"]`, `{ cpu: "2", memory: 4Gi }` or a text. */
function scalarOf(value: string): unknown {
  if (/^\{.*\}$/.test(value)) {
    const fields = [...value.matchAll(/(\w+): ("[^"]*"|[^,} ]+)/g)];
    return Object.fromEntries(fields.map(([, key, field]) => [key, scalarOf(field)]));
  }
  return /^(["[]|-?\d+$)/.test(value) ? JSON.parse(value) : value;
}
