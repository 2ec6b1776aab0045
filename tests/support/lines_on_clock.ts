/** Progress on standard error, on a clock that a test moves. @module */

/** The lines that work writes where there is no terminal, on a clock that it moves. */
export function linesOf(work: (clock: { s: number }) => void): string[] {
  const { error } = console, lines: string[] = [], { isTerminal } = Deno.stderr;
  Deno.stderr.isTerminal = () => false;
  console.error = (line: string) => void lines.push(line);
  try {
    onClock(work);
  } finally {
    console.error = error;
    Deno.stderr.isTerminal = isTerminal;
  }
  return lines;
}

/** The lines that work draws, one over the other, on a terminal of so many columns. */
export function drawnOf(columns: number, work: (clock: { s: number }) => void): string[] {
  const { consoleSize } = Deno, { isTerminal, writeSync } = Deno.stderr, drawn: string[] = [];
  Deno.stderr.isTerminal = () => true;
  Deno.consoleSize = () => ({ columns, rows: 24 });
  Deno.stderr.writeSync = (bytes) => {
    drawn.push(new TextDecoder().decode(bytes).replace("\r\x1b[K", ""));
    return bytes.length;
  };
  try {
    onClock(work);
  } finally {
    Deno.consoleSize = consoleSize;
    Object.assign(Deno.stderr, { isTerminal, writeSync });
  }
  return drawn;
}

function onClock(work: (clock: { s: number }) => void): void {
  const clock = { s: 0 };
  const now = Object.getOwnPropertyDescriptor(performance, "now");
  Object.defineProperty(performance, "now", { value: () => 1000 * clock.s, configurable: true });
  try {
    work(clock);
  } finally {
    if (now) Object.defineProperty(performance, "now", now);
    else delete (performance as { now?: unknown }).now;
  }
}
