/** Skills with right answers. @module */

export { alphabet, drawLetters, letterMap, letterShift } from "../tasks/skills.ts";
export { type Skill, skillText } from "../tasks/skills.ts";
export {
  skillBatches,
  type SkillBatchOptions,
  type SkillTextOptions,
  skillTexts,
} from "../tasks/skill_batches.ts";
export { skills } from "../tasks/skills.ts";
