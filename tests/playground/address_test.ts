/** Parts that an address hides, and its unknown words, which the page names. */

import { assert, assertEquals } from "@std/assert";
import {
  formatState,
  hiddenIn,
  hideable,
  hiding,
  initial,
  parseState,
  stateAt,
  unknownIn,
} from "../../playground/state.ts";
import { lessonHandles, memoryHandles, tinyHandles } from "../../playground/views/handles.ts";

Deno.test("an address hides every part and handle, alone and together", () => {
  for (const names of [...hideable.map((name) => [name]), hideable]) {
    const state = { ...initial, rank: 2, hide: hiding(names) };
    assertEquals(parseState(formatState(state)), state);
    assertEquals(hiddenIn(state), names);
    assertEquals(unknownIn(formatState(state)), []);
  }
  assertEquals(formatState({ ...initial, hide: "path,tiny,rank" }), "#hide=path,tiny,rank");
});

Deno.test("every handle can be hidden, and keeps its value", () => {
  for (const { key } of [...lessonHandles, ...memoryHandles, ...tinyHandles]) {
    assert(hideable.includes(key), key);
  }
  const state = parseState("#rank=2&hide=rank");
  assertEquals([state.rank, state.hide], [2, "rank"]);
  assertEquals(stateAt(3, state).hide, "rank", "a stop hides what the address hides");
});

Deno.test("an address of a stop alone has its settings, and one that says more has these", () => {
  for (let stop = 1; stop <= 8; stop++) {
    assertEquals(formatState(stateAt(stop, initial)), `#stop=${stop}`);
    assertEquals(parseState(`#stop=${stop}`), stateAt(stop, initial));
  }
  const { start, rank, alpha } = parseState("#stop=4&rank=4&start=zero");
  assertEquals({ start, rank, alpha }, { start: "zero", rank: 4, alpha: 2 });
});

Deno.test("names that the page does not know are left out and said", () => {
  const address =
    "#hide=tiny,header,__proto__,,tiny&rank=5&__proto__=1&constructor=1&toString=a&alpha=2";
  const { hide, ...rest } = parseState(address), { hide: none, ...first } = initial;
  assertEquals([hide, none, rest], ["tiny", "", { ...first, alpha: 2 }]);
  assertEquals(unknownIn(address), [
    ...["hide=header", "hide=__proto__", "rank=5"],
    ...["__proto__=1", "constructor=1", "toString=a"],
  ]);
  assertEquals(unknownIn("#stop=99&rank=7&foo"), ["stop=99", "rank=7", "foo"]);
  assertEquals(unknownIn("#steps=30&prompt=Dear&stop=2&hide=path"), []);
});
