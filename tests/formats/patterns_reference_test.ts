import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { compilePattern, patternValues } from "../../src/patterns/names.ts";
import { parsePeftConfig } from "../../src/formats/mod.ts";
import { moduleSelector } from "../../src/formats/peft/config.ts";
import { anyPatterns, names, sharedPatterns } from "../patterns/pattern_arbitraries.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

const ignore = !await pythonHas("torch", "peft");

/** An answer of the reference: an error as text, or a result. */
type Answer<T> = string | T;

/** Lets Python answer; the file of cases goes through a folder. */
async function askPython(cases: Record<string, unknown>) {
  let answers = { patterns: [] as Answer<boolean[]>[], configs: [] as Answer<Adapted>[] };
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/cases.json`, JSON.stringify(cases));
    const { code, text } = await runPython("scripts/golden/match_patterns.py", [
      `${folder}/cases.json`,
    ]);
    assertEquals(code, 0, text);
    answers = JSON.parse(text.slice(text.indexOf('{"patterns"')));
  });
  return answers;
}

/** Rank and α of each module that is adapted. */
type Adapted = Record<string, [rank: number, alpha: number]>;

/** The result, or the sentence that refuses. */
function attempt<T>(read: () => T): Answer<T> {
  try {
    return read();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Fails unless each of ours is a refusal or the reference's answer; gives how many were read. */
function compareAnswers<T>(cases: readonly unknown[], ours: Answer<T>[], theirs: Answer<T>[]) {
  let read = 0;
  ours.forEach((answer, i) => {
    if (typeof answer === "string") return;
    assertEquals(answer, theirs[i], JSON.stringify(cases[i]));
    read++;
  });
  return read;
}

Deno.test({
  name: "6,000 patterns match 20 names each as Python's re.fullmatch matches them",
  ignore,
  fn: async () => {
    const pattern = fc.oneof(sharedPatterns, anyPatterns);
    const cases = fc.record({
      pattern,
      names: fc.array(names, { minLength: 20, maxLength: 20 }),
    });
    const patterns = fc.sample(cases, { seed: 11, numRuns: 6000 });
    const ours = patterns.map(({ pattern, names }) =>
      attempt(() => {
        const matcher = compilePattern(pattern, "a pattern");
        return names.map((name) => matcher.matches(name));
      })
    );
    const theirs = (await askPython({ patterns, configs: [], modules: [] })).patterns;
    const read = compareAnswers(patterns, ours, theirs);
    const readable = theirs.filter((answer) => typeof answer !== "string").length;
    assert(read > 0.9 * readable, `we read ${read} of the ${readable} patterns that Python reads`);
  },
});

const modules = ["", "model.", "decoder."].flatMap((root) =>
  [0, 1, 12].flatMap((layer) =>
    ["layers", "h"].flatMap((list) =>
      ["attn.q", "attn.k_proj", "mlp.experts.0.up", "mlp.experts.1.up"].map((end) =>
        `${root}${list}.${layer}.${end}`
      )
    )
  )
).concat("lm_head", "q", "up");

const ends = [
  "q",
  "k_proj",
  "up",
  "attn.q",
  "h.0.attn.q",
  "model.layers.1.attn.q",
  "1.up",
  "nothing",
];

const paths = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(...ends, "^q", "^model.*p", "h\\.[0-9]+\\..*q", "h.1.attn.q"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(".*(q|up)", ".*\\.\\d+\\..*q", "(?:.*\\.)?k_proj", "q|up", "\\^q"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "up$",
      "\\bq",
      "attn\\b.\\Bq",
      "q\\Z",
      "q{,1}",
      "x)|(?:.*",
      "up|",
      "q)|(up",
      "(?P<idx>q)",
      "q\\n",
    ),
  },
  { weight: 1, arbitrary: anyPatterns },
);

const valuesByPattern = fc.dictionary(paths, fc.integer({ min: 1, max: 99 }), { maxKeys: 4 });

const lists = fc.oneof(
  fc.constantFrom(
    "layers",
    "h",
    "experts",
    "layers|h",
    "(layers|h)",
    "(?:h|layers)",
    "",
    "[a-z]*",
    ".*",
    "h|experts",
  ),
  fc.constantFrom(
    "l.*s",
    "model.layers",
    "(?:h|h\\.1\\.mlp\\.experts)",
    "(?:h\\.1\\.mlp\\.experts|h)",
    "\\w+",
    "(?P<idx>h)",
    "\\bh",
    "(?:model)?\\b.?\\Blayers\\b",
  ),
);

const commonFields = {
  exclude_modules: fc.option(fc.oneof(fc.array(fc.constantFrom(...ends), { maxLength: 2 }), paths)),
  rank_pattern: valuesByPattern,
  alpha_pattern: valuesByPattern,
};

const configs = fc.oneof(
  { weight: 8, arbitrary: fc.record({ target_modules: paths, ...commonFields }) },
  {
    weight: 1,
    arbitrary: fc.record({
      target_modules: fc.oneof(paths, fc.constant(["q"])),
      layers_to_transform: fc.constantFrom(null, 1),
      layers_pattern: fc.constantFrom(null, "layers"),
      lora_alpha: fc.constantFrom(null, 3),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      target_modules: fc.array(fc.constantFrom(...ends), { minLength: 1, maxLength: 4 }),
      layers_to_transform: fc.oneof(fc.constantFrom(0, 1, 12), fc.subarray([0, 1, 12])),
      layers_pattern: fc.oneof(fc.constant(null), lists, fc.array(lists, { maxLength: 2 })),
      ...commonFields,
    }),
  },
);

/** Rank and α that our reader gives each module of a configuration. */
function readConfig(fields: Record<string, unknown>): Adapted {
  const config = parsePeftConfig({ peft_type: "LORA", ...fields });
  const selects = moduleSelector(config);
  const rankOf = patternValues(config.rankPattern, "rank_pattern");
  const alphaOf = patternValues(config.alphaPattern, "alpha_pattern");
  return Object.fromEntries(
    modules.filter(selects).map((
      name,
    ) => [name, [rankOf(name) ?? config.rank, alphaOf(name) ?? config.alpha]]),
  );
}

Deno.test({
  name: "600 configurations adapt the modules that PEFT adapts, with PEFT's ranks and α",
  ignore,
  fn: async () => {
    const cases = fc.sample(configs, { seed: 13, numRuns: 600 });
    const ours = cases.map((fields) => attempt(() => readConfig(fields)));
    const theirs = (await askPython({ patterns: [], configs: cases, modules })).configs;
    const answers = theirs.map((answer, i) => {
      if (typeof answer !== "string") return answer;
      // That a pattern also names lists of modules is no matter of reading it.
      if (/^ValueError: Target module \w+\(/.test(answer)) return ours[i];
      return answer.startsWith("NoMatchingPeftModuleError") ? {} : answer;
    });
    const read = compareAnswers(cases, ours, answers);
    const adapted = theirs.filter((answer) => typeof answer !== "string").length;
    assert(adapted > 100, `PEFT adapts a model by ${adapted} of the configurations`);
    assert(read > 0.9 * adapted, `we read ${read}, where PEFT reads ${adapted}`);
  },
});
