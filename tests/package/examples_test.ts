/** The programs in `examples/` run with the permissions that their index says, and say what they should. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { sourceFiles, sourceText } from "../../scripts/support/source_files.ts";
import { ownAdapters, withServing } from "../serve/served.ts";
import { writeRoberta } from "../support/small_roberta.ts";
import { examplesIndex, withExample } from "./with_example.ts";

/** Output and files of each program. */
const expected: Readonly<Record<string, { prints?: RegExp; writes?: string }>> = {
  first: { prints: /^0\n1\nneerg\n$/, writes: "first/adapter_config.json" },
  own_text: {
    prints: /^8 texts to train on, 2 held out .*\ntrains 16,384 values [^]*\nboat: \w.*\n$/,
    writes: "own_text/adapter_model.safetensors",
  },
  without_its_base: {
    prints:
      /^made for meta-llama[^]*: size 0\.4; of rank 8, 4 would do\nfits llama-3-8b, mistral-7b/,
    writes: "sample/adapter_config.json",
  },
  from_the_hub: { prints: /^GPT-2 of \d blocks, .*, 1,858,560 parameters\nWe the people ?\w/ },
  authors_adapter: { prints: /^give the adapter's folder, and then a base to run it: hf:/ },
  look_inside: { prints: /\n {2}rank [1-8] is within 30% of it\n$/ },
  memory: {
    prints: /^gpt3-175b[^]*\nweight 698\.4 GB 698\.4 GB\n[^]*needs [34]\.\d\d times less\n$/,
  },
  merge_and_switch: {
    prints: /^the base:(.*)\n[^]*\nunmerged is the base: true\nthe base again:\1\n$/,
    writes: "merged/model.safetensors",
  },
  ask_server: {}, // It needs a server: below.
  rank_sweep: {
    prints: /^rank 1: 2048 values, .*\n[^]*rank 8: 16384 values, .*\n$/,
    writes: "ranks.svg",
  },
  runs_at_once: {
    prints:
      /^(rate 0\.\d+, step 0: loss 4\.\d+\n){3}[^]*\nheld out: ([3-5]\.\d+(, )?){3}; best 0\.016\n$/,
    writes: "best/adapter_model.safetensors",
  },
  training_loop: { prints: /^0 7\.\d+\n[^]*\n9 0\.\d+\n$/ },
  reinforce: { prints: /^step 0: ([1-9]|[1-6]\d)% right\n[^]*\nstep 40: (9\d|100)% right\n$/ },
  own_layer: { prints: /^0 1\.\d+\n[^]*\n99 0\.0\d+\n$/ },
  two_matrices: { prints: /; 2 directions hold 99%\n/, writes: "extracted/adapter_config.json" },
};

/** Lines of those that may have more than 40. */
const long: Readonly<Record<string, number>> = { reinforce: 80 };

const programs = sourceFiles(["examples"]).map((path) => /([^/]+)\.ts$/.exec(path)![1]);

Deno.test("every example is short, in the index, and expected to print something", () => {
  assertEquals(programs.toSorted(), Object.keys(expected).toSorted());
  for (const name of programs) {
    const lines = sourceText(`examples/${name}.ts`).trimEnd().split("\n").length;
    assert(lines <= (long[name] ?? 40), `${name} has ${lines} lines`);
    assert(examplesIndex.includes(`[\`${name}.ts\`](${name}.ts)`), `${name} is in the index`);
  }
});

for (const [name, { prints, writes }] of Object.entries(expected)) {
  if (!prints) continue;
  Deno.test(`examples/${name}.ts runs with the permissions that the index says`, () =>
    withExample(name, async (folder, say) => {
      assertMatch(await say(), prints);
      if (writes) assert((await Deno.stat(`${folder}/out/${writes}`)).isFile);
    }));
}

Deno.test("the authors' example shows an adapter alone and, with its base, three answers", () =>
  withExample("authors_adapter", async (folder, say) => {
    const [base, adapter] = [`${folder}/base`, `${folder}/adapter`];
    await writeRoberta(base, adapter);
    const alone = /^(roberta\.encoder\.layer\.\d\..*: \d+\.\d\d, then .* of 8\n){4}$/;
    const told = await say(adapter);
    assertMatch(told, alone);
    const answers = (await say(adapter, base)).slice(told.length);
    assertMatch(answers, /^(.*\. it (follows|contradicts|may or may not be so)\n){3}$/);
  }));

Deno.test("the example of a client asks all adapters of a server, and one in parts", () =>
  withServing({}, ({ address }) =>
    withExample("ask_server", async (_, say) => {
      const failed = say("http://127.0.0.1:1").catch(String);
      assertMatch(await failed, /http:\/\/127\.0\.0\.1:1 does not answer: .*\nstart one: npx /);
      const lines = (await say(address)).trimEnd().split("\n"), parts = lines.pop()!;
      const texts = new Map(
        lines.map((line) => line.split(/:(.*)/).slice(0, 2) as [string, string]),
      );
      assertEquals([...texts.keys()].toSorted(), [...ownAdapters, "tiny-gpt2"].toSorted());
      assertEquals(parts.replaceAll("|", ""), texts.get(ownAdapters.at(-1)!));
      assert(parts.split("|").length > 3 && new Set(texts.values()).size > 2, parts);
    })));
