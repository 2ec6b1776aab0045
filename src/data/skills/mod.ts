/** Skills with right answers. @module */

export {
  alphabet,
  drawLetters,
  letterMap,
  letterShift,
  type Skill,
  skills,
  skillText,
} from "../tasks/skills.ts";
export {
  skillBatches,
  type SkillBatchOptions,
  type SkillTextOptions,
  skillTexts,
} from "../tasks/skill_batches.ts";
