/** Work without a word on the console. @module */

/** Does it; returns what it would have printed. */
export async function silently(work: () => Promise<void>): Promise<string> {
  const { log, error } = console, lines: string[] = [];
  const keep = (line: string) => lines.push(line);
  Object.assign(console, { log: keep, error: keep });
  try {
    await work();
    return lines.join("\n");
  } finally {
    Object.assign(console, { log, error });
  }
}
