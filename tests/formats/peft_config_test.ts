import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { AdapterFileError, type ModuleSelection, parsePeftConfig } from "../../src/formats/mod.ts";
import { patternValues } from "../../src/patterns/names.ts";
import { moduleSelector } from "../../src/formats/peft/config.ts";
import { mostPatternSteps, patternStepsPerCharacter } from "../../src/core/limits.ts";
import { assertLinear } from "../support/growth.ts";
import { goodConfig } from "./adapter_folders.ts";

/** Expects that a configuration with this field is refused with the words. */
function refuses(field: string, value: unknown, words: string): void {
  const parse = () => parsePeftConfig({ ...goodConfig, [field]: value });
  const { message } = assertThrows(parse, AdapterFileError);
  assertStringIncludes(message, words);
  assertStringIncludes(message, `found ${JSON.stringify(value)}`);
}

Deno.test("a configuration without numbers has PEFT's defaults", () => {
  const { rank, alpha, rankStabilized, rankPattern, dropout } = parsePeftConfig({
    peft_type: "LORA",
  });
  assertEquals({ rank, alpha, rankStabilized, rankPattern, dropout }, {
    rank: 8,
    alpha: 8,
    rankStabilized: false,
    rankPattern: {},
    dropout: 0,
  });
});

Deno.test("settings that change the mathematics are refused by name and value", () => {
  const beside = {
    lora_bias: true,
    use_dora: true,
    modules_to_save: ["score"],
    trainable_token_indices: [1],
  };
  for (const [field, value] of Object.entries(beside)) {
    refuses(field, value, `${field} must be null, false or empty where A and B alone are read (`);
  }
  const cases: Record<string, unknown> = {
    target_parameters: ["experts.weight"],
    layer_replication: [[0, 4], [2, 5]],
    use_qalora: true,
    alora_invocation_tokens: [1, 2],
    use_bdlora: { nblocks: 2 },
    arrow_config: { top_k: 3 },
    kasa_config: { beta: 1 },
    velora_config: { scale: 1 },
    monteclora_config: { num_samples: 1 },
  };
  for (const [field, value] of Object.entries(cases)) {
    refuses(field, value, `${field} must be null, false or empty (not implemented: `);
  }
  refuses("bias", "all", 'bias must be "none"');
  refuses("bias", "lora_only", 'bias must be "none"');
  refuses("peft_type", "IA3", 'peft_type must be "LORA"');
});

Deno.test("starts that change the base weights are refused, the others pass", () => {
  const starts = ["pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga", "mica"];
  for (const start of starts) {
    refuses("init_lora_weights", start, "leaves the base weights unchanged");
  }
  for (const start of [true, false, null, "gaussian", "eva", "orthogonal"]) {
    parsePeftConfig({ ...goodConfig, init_lora_weights: start });
  }
});

Deno.test("unknown fields pass only with a value that says nothing", () => {
  for (const value of [true, 0, 1, "x", [0], { a: null }]) {
    refuses("use_future", value, "use_future must be null, false or empty (the field is unknown)");
  }
  for (const value of [null, false, [], {}, ""]) {
    parsePeftConfig({ ...goodConfig, use_future: value });
  }
  refuses("toString", 1, "the field is unknown");
});

Deno.test("fields of the wrong type are refused", () => {
  for (const r of [0, -1, 1.5, "8", true, [8]]) {
    refuses("r", r, "r must be an integer of at least 1");
  }
  refuses("r", null, "r must be an integer of at least 1");
  for (const alpha of ["16", null]) {
    refuses("lora_alpha", alpha, "lora_alpha must be a finite number");
  }
  refuses("use_rslora", 1, "use_rslora must be true or false");
  refuses("rank_pattern", { a: 0 }, "rank_pattern must map names to ranks");
  refuses("rank_pattern", [1], "rank_pattern must map names to ranks");
  refuses("alpha_pattern", { a: "1" }, "alpha_pattern must map names to numbers");
  refuses("target_modules", 3, "target_modules must be names or a pattern");
  refuses("target_modules", ["a", 3], "target_modules must be names or a pattern");
  refuses("layers_to_transform", [0.5], "layers_to_transform must be layer indices");
  for (const share of [1, 2, -0.1, "0.1"]) {
    refuses("lora_dropout", share, "lora_dropout must be in [0, 1), found");
  }
  for (const json of [null, [], "x", 1]) {
    assertThrows(() => parsePeftConfig(json), AdapterFileError, "must be a JSON object");
  }
});

Deno.test("layers are chosen where PEFT lets them be chosen", () => {
  const parse = (fields: Record<string, unknown>) =>
    parsePeftConfig({ ...goodConfig, target_modules: ".*q", ...fields });
  const fails = (fields: Record<string, unknown>, sentence: string) =>
    assertThrows(() => parse(fields), AdapterFileError, sentence);
  const rule = "must be null where target_modules is a pattern, found";
  fails({ layers_to_transform: [1] }, `layers_to_transform ${rule} [1]`);
  fails({ layers_pattern: "h" }, `layers_pattern ${rule} "h"`);
  parse({ layers_to_transform: null, layers_pattern: null });
  fails(
    { target_modules: ["q"], layers_pattern: "h" },
    'layers_pattern must be with layers_to_transform, found "h"',
  );
  parse({ target_modules: ["q"], layers_to_transform: 1, layers_pattern: "h" });
});

Deno.test("no JSON value crashes the parser", () => {
  const known = fc.constantFrom("r", "lora_alpha", "rank_pattern", "target_modules", "bias");
  fc.assert(fc.property(fc.dictionary(fc.oneof(known, fc.string()), fc.jsonValue()), (fields) => {
    try {
      parsePeftConfig({ peft_type: "LORA", ...fields });
    } catch (error) {
      if (!(error instanceof AdapterFileError)) throw error;
    }
  }));
});

Deno.test("patterns match a whole name or its end after a dot, the first of the file wins", () => {
  const value = (patterns: Record<string, number>) =>
    patternValues(patterns, "rank_pattern")("model.h.12.attn.q");
  assertEquals(value({ q: 1 }), 1);
  assertEquals(value({ "attn.q": 1, q: 2 }), 1);
  assertEquals(value({ q: 2, "attn.q": 1 }), 2);
  assertEquals(value({ "attn\\.q": 1, ".*q": 2 }), 1);
  assertEquals(value({ ".*q": 2, "attn\\.q": 1 }), 2);
  assertEquals(value({ "n.q": 1 }), undefined);
  assertEquals(value({ attn: 1 }), undefined);
  assertEquals(value({ "h.1.attn.q": 1 }), undefined);
  assertEquals(value({ "h\\.[0-9]+\\.attn\\.(q|v)": 1 }), 1);
  assertEquals(value({ "^model.*q": 1 }), 1);
  assertEquals(value({ "^model\\.h\\.12\\.attn\\.q": 1 }), 1);
  assertEquals(value({ "^h.*q": 1 }), undefined);
  assertEquals(value({ "^q": 1 }), undefined);
  assertEquals(value({ "\\^q": 1 }), undefined);
  assertEquals(patternValues({ "^q": 1 }, "rank_pattern")("h.^q"), undefined);
  assertEquals(value({ "k|q": 1 }), 1);
  assertEquals(value({ "q\\Z": 1 }), 1);
  assertEquals(value({ "q{,1}": 1 }), 1);
});

Deno.test("a name with a line feed gets the value that PEFT gives it", () => {
  const value = (patterns: Record<string, number>, name: string) =>
    patternValues(patterns, "rank_pattern")(name);
  assertEquals(value({ q: 1 }, "h.q\n"), 1);
  assertEquals(value({ "q\n": 1 }, "h.q\n"), 1);
  assertEquals(value({ q: 1 }, "h\n.q"), undefined);
});

Deno.test("a number beside other patterns is refused: its place in the file is lost", () => {
  const compile = (patterns: Record<string, number>) => patternValues(patterns, "rank_pattern");
  assertEquals(compile({ 0: 4 })("to_out.0"), 4);
  const sentence = 'rank_pattern must not have a number beside other patterns, found "0"';
  assertThrows(() => compile({ ".*": 1, 0: 4 }), SyntaxError, sentence);
});

Deno.test("modules are selected as PEFT selects them", () => {
  const name = "model.layers.3.mlp.experts.7.up";
  const selects = (selection: ModuleSelection) => moduleSelector(selection)(name);
  assertEquals(selects({}), true);
  assertEquals(selects({ targetModules: "all-linear" }), true);
  assertEquals(selects({ targetModules: "All-Linear" }), true);
  assertEquals(selects({ targetModules: ["7.up"] }), true);
  assertEquals(selects({ targetModules: [".*up"] }), false);
  assertEquals(selects({ targetModules: ".*up" }), true);
  assertEquals(selects({ targetModules: "up" }), false);
  assertEquals(selects({ targetModules: ["up"], excludeModules: ["up"] }), false);
  assertEquals(selects({ targetModules: ["up"], excludeModules: ".*mlp" }), true);
  assertEquals(selects({ targetModules: ["up"], layers: [3] }), true);
  assertEquals(selects({ targetModules: ["up"], layers: [7] }), false);
  assertEquals(selects({ targetModules: ["up"], layers: [7], layerLists: ["experts"] }), true);
  assertEquals(selects({ targetModules: ["up"], layers: [3], layerLists: ["blocks"] }), false);
  assertEquals(
    selects({ targetModules: ["up"], layers: [3], layerLists: ["x", "(h|l[a-z]*s)"] }),
    true,
  );
  // The choice is between the whole rest of PEFT's pattern, so that no number is found.
  assertEquals(selects({ targetModules: ["up"], layers: [3], layerLists: ["layers|h"] }), false);
  // A full name is taken whatever its layer, as in PEFT.
  assertEquals(selects({ targetModules: [name], layers: [1] }), true);
});

Deno.test("the pattern that Unsloth writes selects the layers of the language model", () => {
  const parts = "(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)";
  const names = "(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)";
  const isTarget = moduleSelector({
    targetModules: `(?:.*?(?:language|text).*?${parts}.*?${names}.*?)|` +
      `(?:\\bmodel\\.layers\\.[\\d]{1,}\\.${parts}\\.(?:${names}))`,
  });
  assertEquals(isTarget("model.layers.31.mlp.up_proj"), true);
  assertEquals(isTarget("model.language_model.layers.0.self_attn.q_proj"), true);
  assertEquals(isTarget("model.layers.31.mlp.up_proj.bias"), false);
  assertEquals(isTarget("model.visual.layers.0.attn.q_proj"), false);
});

Deno.test("a lookahead leaves modules out, and is refused where a layer is found by a pattern", () => {
  const isTarget = moduleSelector({ targetModules: "^(?!.*visual).*(?:q|v)_proj$" });
  assertEquals(isTarget("model.layers.0.q_proj"), true);
  assertEquals(isTarget("visual.blocks.0.q_proj"), false);
  const selects = moduleSelector({ targetModules: ["q"], layers: [0], layerLists: ["h(?=\\.)"] });
  const sentence = 'layers_pattern must not have a lookahead, found "h(?=\\\\.)"';
  assertThrows(() => selects("h.0.q"), SyntaxError, sentence);
});

Deno.test("an empty layers_pattern means any list of layers, as in PEFT", () => {
  for (const layers_pattern of ["", [], null]) {
    const config = parsePeftConfig({ ...goodConfig, layers_to_transform: 3, layers_pattern });
    assertEquals(config.layerLists ?? [], []);
  }
});

Deno.test("patterns that Python would read otherwise are refused with their field", () => {
  const hostile = ["x)|(?:.*", "(", "[", "a**", "(?<=a)", "(a)\\1", "a{6000}", "\\N{DIGIT ONE}"];
  const fields: Record<string, (pattern: string) => unknown> = {
    rank_pattern: (pattern) => patternValues({ [pattern]: 1 }, "rank_pattern"),
    target_modules: (pattern) => moduleSelector({ targetModules: pattern }),
    exclude_modules: (pattern) => moduleSelector({ excludeModules: pattern }),
    layers_pattern: (pattern) =>
      moduleSelector({ targetModules: [], layers: [1], layerLists: [pattern] }),
  };
  for (const pattern of hostile) {
    for (const [field, compile] of Object.entries(fields)) {
      const { message } = assertThrows(() => compile(pattern), SyntaxError);
      assertMatch(message, new RegExp(`^${field} must .*, found `));
      assertStringIncludes(message, JSON.stringify(pattern));
    }
  }
});

const layers = Array.from(
  { length: 1000 },
  (_, i) => `model.layers.${i >> 2}.self_attn.${"qkvo"[i % 4]}_proj`,
);

const kinds: Record<string, (name: string) => string> = {
  literal: (name) => `^${name.replaceAll(".", "\\.")}`,
  "any character for a dot": (name) => name,
  hostile: (name) => `(\\x61a|aa)*(.*)*${name}`,
};

for (const [kind, patternOf] of Object.entries(kinds)) {
  Deno.test(`1,000 patterns (${kind}) for 1,000 modules stay within the steps of a second`, () => {
    const patterns = Object.fromEntries(layers.map((name, i) => [patternOf(name), i]));
    const inOrder = patternValues(patterns, "rank_pattern");
    assertEquals(layers.map((name) => inOrder(name)), layers.map((_, i) => i));
    const valueOf = patternValues(patterns, "rank_pattern");
    // The most steps are taken where all patterns are tried and none matches.
    assertEquals(layers.find((name) => valueOf(`${name}s`) !== undefined), undefined);
  });
}

Deno.test("exact patterns for as many modules, up to 130,000, take linear time", () =>
  assertLinear(16_250, (count) => {
    const modules = Array.from({ length: count }, (_, i) => `layers.${i}.up`);
    const escaped = modules.map((name, i) => [`^${name.replaceAll(".", "\\.")}`, i]);
    return () => {
      const valueOf = patternValues(Object.fromEntries(escaped), "rank_pattern");
      const selects = moduleSelector({ targetModules: modules });
      assertEquals(modules.findIndex((name, i) => valueOf(name) !== i || !selects(name)), -1);
    };
  }));

Deno.test("20,000 patterns for 20,000 modules end in a sentence, not after an hour", () => {
  const modules = Array.from({ length: 20_000 }, (_, i) => `layers.${i}.up`);
  const patterns = Object.fromEntries(
    modules.map((name, i) => [name.replace("up", "u[p]"), i + 1]),
  );
  const valueOf = patternValues(patterns, "rank_pattern");
  const asked: string[] = [];
  const sentence = "rank_pattern must not take millions of steps to match names, found ";
  const match = () => modules.toReversed().forEach((name) => valueOf(asked[asked.push(name) - 1]));
  assertThrows(match, SyntaxError, sentence);
  const steps = mostPatternSteps + patternStepsPerCharacter * asked.join("").length;
  // Each pattern that is tried takes a step at least, and names in reverse order need nearly all.
  assert(asked.length * 19_000 < steps, `${asked.length} names`);
});
