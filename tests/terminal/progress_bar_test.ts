import { assertEquals } from "@std/assert";
import { JobBar, ProgressBar } from "../../src/terminal/progress.ts";
import { linesOf } from "../support/lines_on_clock.ts";

Deno.test("a bar without a terminal is a line at each tenth, but not every second", () => {
  const lines = linesOf((clock) => {
    const bar = new ProgressBar("work");
    for (; clock.s < 100; clock.s++) bar.report(clock.s / 100, "steps");
    bar.report(1, "done");
  });
  assertEquals(lines.map((line) => line.split(" ")[1]), [
    ...["0%", "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "100%"],
  ]);
  const quick = linesOf(() => {
    const bar = new ProgressBar("work");
    for (let step = 0; step <= 1000; step++) bar.report(step / 1000, "steps");
  });
  assertEquals(quick, ["work 0% steps, 0 s", "work 100% steps, 0 s"]);
});

Deno.test("a slow bar without a terminal says every half minute that it is alive", () => {
  const lines = linesOf((clock) => {
    const bar = new ProgressBar("work");
    for (; clock.s <= 120; clock.s++) bar.report(clock.s / 100_000, "steps");
  });
  assertEquals(
    lines,
    [0, 30, 60, 90, 120].map((s) => {
      return `work 0% steps, ${s < 60 ? "" : `${Math.floor(s / 60)} min `}${s % 60} s`;
    }),
  );
});

Deno.test("a job's bar says what is left once that is known, first, and not when all is done", () => {
  const lines = linesOf((clock) => {
    const bar = new JobBar("job", ["a", "b"], { a: 1, b: 1 });
    bar.begin("a");
    clock.s = 60;
    const report = bar.begin("b");
    clock.s = 90;
    report(0.5, "r = 4");
    clock.s = 120;
    report(1, "done");
  });
  assertEquals(lines, [
    "job 0% a, 0 s",
    "job 50% about 1 min left: b, 1 min 0 s",
    "job 75% less than a minute left: b, r = 4, 1 min 30 s",
    "job 100% b, done, 2 min 0 s",
  ]);
});

Deno.test("what a job's bar says goes to standard output", () => {
  const { log } = console, said: string[] = [];
  console.log = (line: string) => void said.push(line);
  try {
    const lines = linesOf(() => new JobBar("job", ["a"]).say("found"));
    assertEquals([lines, said], [[], ["found"]]);
  } finally {
    console.log = log;
  }
});
