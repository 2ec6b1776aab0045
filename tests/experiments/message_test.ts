/** The message of a report follows from its verdicts. */

import { assertEquals } from "@std/assert";
import { causes, messageOf, topics } from "../../experiments/frame/message.ts";
import { words } from "../../experiments/frame/report_words.ts";
import { experiments } from "../../experiments/registry.ts";

const claims = (topic: string, verdict: string, count = 1) =>
  Array.from({ length: count }, () => ({ topic, verdict }));

Deno.test("the message counts what was found of what is counted, and of what is learned", () => {
  assertEquals(
    messageOf([
      ...claims("counting", "differs", 2),
      ...claims("memory", "reproduced", 3),
      ...claims("latency", "not judged: the machine was not quiet"),
      ...claims("quality", "not reproduced at this scale", 2),
      ...claims("rank", "not reproduced"),
      ...claims("directions", "reproduced"),
      { ...claims("rank", "holds")[0], beyond: true },
    ]),
    "What can be counted holds, but for 2 printed numbers: 3 of 5 claims on parameters, memory and latency were " +
      "reproduced. What must be learned, small models show in part: 1 of 4 claims on quality, rank and directions " +
      "were reproduced, 2 are open at this scale, 1 failed.",
  );
});

Deno.test("the message does not say that something holds where it does not", () => {
  const start = (...found: ReturnType<typeof claims>[]) => messageOf(found.flat())?.split(":")[0];
  assertEquals(start(claims("memory", "reproduced")), "What can be counted holds");
  assertEquals(
    start(claims("memory", "not reproduced"), claims("memory", "reproduced")),
    "What can be counted holds in part",
  );
  for (const verdict of ["not reproduced", "differs"]) {
    assertEquals(start(claims("memory", verdict)), "What can be counted does not hold");
  }
  assertEquals(
    start(claims("counting", "differs", 2), claims("memory", "reproduced")),
    "What can be counted holds in part",
  );
  assertEquals(
    start(claims("rank", "not reproduced at this scale")),
    "What must be learned, small models do not show",
  );
  assertEquals(start(claims("rank", "reproduced")), "What must be learned, small models show");
  assertEquals(start(claims("rank", "not judged (quick run)"), []), undefined);
});

Deno.test("every claim of the paper has a topic that a report names, and every cause is named", () => {
  const known = topics.map(([topic]) => topic);
  const all = experiments.flatMap(({ claims = [], beyond }) => beyond ? [] : claims);
  const unknown = all.filter(({ beyond, topic = "" }) => !beyond && !known.includes(topic));
  assertEquals(unknown.map(({ text }) => text), []);
  const named = causes.map(([cause]) => cause);
  const used = all.flatMap(({ cause }) => cause ?? []);
  assertEquals(
    [...used, "power", "unknown", "time", "quick"].filter((one) => !named.includes(one)),
    [],
  );
});

Deno.test("at most two verdicts are more than a reader guesses", () => {
  const guessed = /^(not )?reproduced$|^holds$|^does not hold$|^not judged[ :]/;
  const others = words.verdicts.map(([verdict]) => verdict).filter((one) => !guessed.test(one));
  assertEquals(others, ["not reproduced at this scale", "differs"]);
});
