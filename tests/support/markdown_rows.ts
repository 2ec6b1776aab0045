/** Rows of the tables of a Markdown page. @module */

/** The cells of every row of a Markdown table below a heading, without escapes. */
export function markdownRows(text: string): string[][] {
  const lines = text.replaceAll("\\", "").split("\n").filter((line) => line.startsWith("| "));
  return lines.map((line) => line.slice(2, -2).split(" | ").map((cell) => cell.trim()));
}
