/** Skills with right answers. @module */

export { alphabet, drawLetters, letterMap, letterShift } from "./letters.ts";
export { type Skill, skillText } from "./skill.ts";
export * from "./skill_batches.ts";
export * from "./skill_texts.ts";
export { skills } from "./table.ts";
