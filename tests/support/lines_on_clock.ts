/** Progress on standard error, on a clock that a test moves. @module */

/** The lines that work writes where there is no terminal, on a clock that it moves. */
export function linesOf(work: (clock: { s: number }) => void): string[] {
  const { error } = console, clock = { s: 0 }, lines: string[] = [];
  const { isTerminal } = Deno.stderr;
  const now = Object.getOwnPropertyDescriptor(performance, "now");
  Object.defineProperty(performance, "now", { value: () => 1000 * clock.s, configurable: true });
  Deno.stderr.isTerminal = () => false;
  console.error = (line: string) => void lines.push(line);
  try {
    work(clock);
  } finally {
    console.error = error;
    Deno.stderr.isTerminal = isTerminal;
    if (now) Object.defineProperty(performance, "now", now);
    else delete (performance as { now?: unknown }).now;
  }
  return lines;
}
