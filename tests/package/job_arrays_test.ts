/** `examples/kubernetes` and `examples/slurm`: what they say, and that the pods' commands do it. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { parsePlainYaml } from "../support/plain_yaml.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { tasks } from "../cli/lowrank.ts";
import { assertSameSweep, smallSweep, sweepAsProcess } from "../cli/sweeps.ts";

// deno-lint-ignore no-explicit-any -- what a manifest says is for the tests to say
const manifest = (name: string): any =>
  parsePlainYaml(sourceText(`examples/kubernetes/${name}.yaml`));

const sweep = manifest("sweep"), join = manifest("join");

Deno.test("the job of the parts is indexed, and its pods are as many as the command says", () => {
  const { apiVersion, kind, spec } = sweep, { template, ...job } = spec;
  assertEquals([apiVersion, kind], ["batch/v1", "Job"]);
  assertEquals(job, {
    completionMode: "Indexed",
    completions: 4,
    parallelism: 4,
    backoffLimitPerIndex: 3,
  });
  assertEquals(template.spec.restartPolicy, "Never"); // as backoffLimitPerIndex requires
  const [{ command }] = template.spec.containers;
  assertEquals(command.slice(-2), ["--shard", `/${job.completions}`]);
});

Deno.test("the job that joins is the same but for its name and its part", () => {
  const [part] = sweep.spec.template.spec.containers, [whole] = join.spec.template.spec.containers;
  assertEquals(whole, { ...part, name: "join", command: part.command.slice(0, -2) });
  const { containers: _, ...pod } = sweep.spec.template.spec;
  const { containers: __, ...joining } = join.spec.template.spec;
  assertEquals(joining, pod);
  assertEquals(join.spec.completionMode, undefined);
});

for (const [name, { spec, metadata }] of Object.entries({ sweep, join })) {
  Deno.test(`what the manifest ${name} names is there`, () => {
    const { containers: [{ command, env, volumeMounts, workingDir }], volumes } =
      spec.template.spec;
    assertEquals(command.slice(0, 4), ["deno", "task", "lowrank", "sweep"]);
    assert(tasks.lowrank.endsWith(" cli.ts"));
    JSON.parse(sourceText(command[4]));
    assertEquals(volumeMounts.map((mount: { name: string }) => mount.name), [volumes[0].name]);
    assert(workingDir.startsWith(`${volumeMounts[0].mountPath}/`));
    const own = env.find(({ name }: { name: string }) => name === "DENO_DIR").value;
    assert(!own.startsWith(volumeMounts[0].mountPath)); // Deno's databases take no two machines.
    const guide = sourceText("examples/kubernetes/README.md");
    assertStringIncludes(guide, `apply -f examples/kubernetes/${name}.yaml`);
    assertStringIncludes(guide, `\`${volumes[0].persistentVolumeClaim.claimName}\``);
    assertStringIncludes(guide, `\`${workingDir}\``);
    for (const end of name === "sweep" ? ["complete", "failed"] : []) {
      assertStringIncludes(guide, `condition=${end} --timeout=4h job/${metadata.name} &\n`);
    }
  });
}

/** Runs the command of a manifest as its pods do, on another sweep. */
async function runPod(
  { spec }: typeof sweep,
  file: string,
  output: string,
  index?: number,
): Promise<void> {
  const [{ command: [, ...args] }] = spec.template.spec.containers;
  const replaced = args.map((arg: string) =>
    ({ "examples/sweep.json": file, "out/sweep": output })[arg] ?? arg
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...replaced, "--device", "cpu"],
    cwd: rootPath,
    env: index === undefined ? {} : { JOB_COMPLETION_INDEX: `${index}` },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

Deno.test("the pods' commands make all parts, one of them again after it was lost, and join them", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder, { steps: 2 }), output = `${folder}/out`;
    const pods = [3, 1, 0, 2];
    for (const index of pods) await runPod(sweep, file, output, index);
    const runs = filesIn(`${output}/runs`);
    assertEquals(runs.length, 8);
    await Deno.remove(`${output}/runs/${runs[5]}`, { recursive: true });
    for (const index of pods) await runPod(sweep, file, output, index);
    await runPod(join, file, output);
    await sweepAsProcess(file, `${folder}/whole`);
    await assertSameSweep(output, `${folder}/whole`);
  }));

Deno.test("the guide of the Slurm example submits the script that is there", () => {
  const guide = sourceText("examples/slurm/README.md"), script = "examples/slurm/sweep.sbatch";
  assertStringIncludes(sourceText(script), " task lowrank sweep ");
  assertStringIncludes(guide, `sweep="${script} examples/sweep.json --output out/sweep"`);
  const [, count] = /--array=1-(\d+) \$sweep --shard \/\1/.exec(guide)!;
  assertEquals(guide.match(/--shard \/\d+/g), Array(3).fill(`--shard /${count}`));
});

Deno.test("the reader of manifests refuses a field twice and a wrong indentation", () => {
  assertEquals(parsePlainYaml('a:\n  - b: 1\n    c: "1"\n  - b: x\n'), {
    a: [{ b: 1, c: "1" }, { b: "x" }],
  });
  for (const wrong of ["a: 1\na: 2\n", "a: 1\n  b: 2\n", "a:\n  b: 1\n c: 2\n", "a\n"]) {
    assertThrows(() => parsePlainYaml(wrong), SyntaxError);
  }
});
