/** The tasks on the base with skills: right answers, their distances, and what the base makes of them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openSkillsBase, reportedTexts, scoreTexts } from "../../../experiments/skills/runs.ts";
import {
  downstreamTasks,
  levelNames,
  movedCipher,
  newWord,
  taskNamed,
} from "../../../experiments/skills/tasks.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { alphabet, skills, skillTexts, splitOf } from "../../../src/data/mod.ts";

const answerOf = (name: string, input: string) => taskNamed(name).answer(input);

Deno.test("answers are right", () => {
  const answers = [
    ["reverse, new word", "abcxyz", "zyxcba"],
    ["date, new word", "2021-03-07", "7 March 2021"],
    ["Caesar's cipher, new word", "abcxyz", "defabc"],
    ["upper case and !", "abcxyz", "ABCXYZ!"],
    ["date with dashes", "2021-03-07", "7-March-2021"],
    ["reverse, then upper case", "abcxyz", "ZYXCBA"],
    ["reverse, then Caesar's cipher", "abcxyz", "cbafed"],
    ["Caesar's cipher +5", "abcxyz", "fghcde"],
    ["subtraction", "57-34", "23"],
    ["subtraction", "9-9", "0"],
  ];
  for (const [name, input, answer] of answers) assertEquals(answerOf(name, input), answer, name);
  assertThrows(() => taskNamed("none"), RangeError, "there is no task none");
});

Deno.test("at least two tasks are at each of five distances, under a word that no skill has", () => {
  const levels = Map.groupBy(downstreamTasks, ({ level }) => level);
  for (const level of Object.keys(levelNames)) assert(levels.get(Number(level) as 0)!.length >= 2);
  assertEquals(new Set(downstreamTasks.map(({ name }) => name)).size, downstreamTasks.length);
  assertEquals([...new Set(downstreamTasks.flatMap(({ words }) => words))], [newWord]);
  assert(!skills.some(({ words }) => words.includes(newWord)));
});

Deno.test("the smooth axis moves as many letters as it says, and every word has one of them", () => {
  const cipher = movedCipher(0);
  const axis = downstreamTasks.filter(({ moved }) => moved !== undefined);
  assertEquals(axis.map(({ moved }) => moved), [0, 2, 4, 8, 16, 26]);
  for (const { moved, answer } of axis) {
    const images = answer(alphabet);
    assertEquals([...images].sort().join(""), alphabet, "a permutation");
    assertEquals([...images].filter((letter, at) => letter !== cipher(alphabet)[at]).length, moved);
  }
  for (const task of axis.filter(({ moved }) => moved! > 0)) {
    const texts = skillTexts(task, { split: "train", examples: 200, seed: 1 });
    const inputs = texts.map(({ prompt }) => /^flp (.*):$/.exec(prompt)![1]);
    assert(inputs.every((word) => task.answer(word) !== cipher(word)));
  }
});

Deno.test("256 facts can be recalled, and no other task shows its test in training", () => {
  const recalled = downstreamTasks.filter(({ isRecalled }) => isRecalled);
  assertEquals(recalled.map(({ name }) => name), ["256 facts"]);
  const facts = skillTexts(recalled[0], { split: "train", examples: 1000, seed: 1 });
  assertEquals(new Set(facts.map(({ prompt }) => prompt)).size, 256);
  assert(facts.every(({ completion }) => /^ [a-z]{2}$/.test(completion)));
  for (const task of downstreamTasks.filter((one) => one !== recalled[0])) {
    const texts = reportedTexts(task);
    assertEquals(texts.length, 300, task.name);
    assert(texts.every(({ prompt }) => splitOf(prompt.slice(4, -1)) === "test"), task.name);
  }
});

Deno.test("the base does nothing of any task before it is adapted", async () => {
  using device = await openCpuDevice();
  using base = await openSkillsBase(device, "trained", 0);
  for (const task of downstreamTasks) {
    const { exact } = await scoreTexts(base, reportedTexts(task).slice(0, 100));
    assert(exact <= 0.05, `${task.name}: ${exact}`);
  }
});
