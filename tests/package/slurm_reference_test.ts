/** `examples/slurm` on a real slurmctld and slurmd. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { missingSlurm, type Slurm, startSlurm, until } from "../support/slurm.ts";
import { assertSameSweep, smallSweep, sweepAsProcess } from "../cli/sweeps.ts";

const missing = await missingSlurm(), script = "examples/slurm/sweep.sbatch";

/** The sweep of these tests and how it is submitted. */
interface Job {
  readonly slurm: Slurm;
  readonly folder: string;
  readonly sweep: readonly string[];
}

/** Submits the example's script, and gives the job's number; what it prints is in files by that. */
const submit = ({ slurm, folder, sweep }: Job, options: string[], ...args: string[]) => {
  const files = ["--output", `${folder}/%A.%a.out`, "--error", `${folder}/%A.%a.err`];
  return slurm.ask("sbatch", "--parsable", ...files, ...options, script, ...sweep, ...args);
};

const isDone = ({ slurm }: Job, job: string) =>
  until(
    `job ${job} is done`,
    async () => await slurm.ask("squeue", "--noheader", "-j", job) === "",
  );

/** The runs that a task of an array made. */
async function runsOf({ folder }: Job, job: string, task: number): Promise<string[]> {
  const errors = await Deno.readTextFile(`${folder}/${job}.${task}.err`);
  return JSON.parse(await Deno.readTextFile(`${folder}/${job}.${task}.out`) || errors).runs;
}

Deno.test({
  name:
    "a sweep as a Slurm array: its parts join, a lost one is sent again alone, and one that was " +
    `stopped resumes${missing.length > 0 ? ` (needs ${missing.join(", ")})` : ""}`,
  ignore: missing.length > 0,
  fn: () =>
    withFolder(async (folder) => {
      await using slurm = await startSlurm(folder, { DENO: Deno.execPath(), NO_COLOR: "1" });
      const file = await smallSweep(folder, { steps: 100, patience: 99 }), output = `${folder}/out`;
      const sweep = [file, "--output", output, "--device", "cpu", "--json"];
      const job = { slurm, folder, sweep };

      const array = await submit(job, ["--array=1-3"], "--shard", "/3");
      const join = await submit(job, [`--dependency=afterok:${array}`]);
      await isDone(job, join);
      const parts = await Promise.all([1, 2, 3].map((task) => runsOf(job, array, task)));
      assertEquals(parts.map(({ length }) => length), [3, 3, 2]);
      assertEquals(parts.flat().toSorted(), filesIn(`${output}/runs`));
      const whole = `${folder}/whole`;
      await sweepAsProcess(file, whole);
      await assertSameSweep(output, whole);

      for (const run of parts[1]) await Deno.remove(`${output}/runs/${run}`, { recursive: true });
      const again = await submit(job, ["--array=2"], "--shard", "/3");
      await isDone(job, again);
      assertEquals(await runsOf(job, again, 2), parts[1]);
      await assertSameSweep(output, whole);

      const unsaid = await submit(job, ["--array=1-2"]);
      await isDone(job, unsaid);
      assertEquals((await runsOf(job, unsaid, 2)).length, 4);
      const alone = await submit(job, ["--array=2"]);
      await isDone(job, alone);
      const refused = await Deno.readTextFile(`${folder}/${alone}.2.err`);
      assertMatch(refused, /\nerror: an array must say of how many parts it is: give --shard \/n/);
    }),
});

Deno.test({
  name: `a task that Slurm ends keeps a checkpoint, and resumes to the same bytes${
    missing.length > 0 ? ` (needs ${missing.join(", ")})` : ""
  }`,
  ignore: missing.length > 0,
  fn: () =>
    withFolder(async (folder) => {
      await using slurm = await startSlurm(folder, { DENO: Deno.execPath(), NO_COLOR: "1" });
      const file = await smallSweep(folder, { steps: 3000, patience: 999, methods: [{}], seed: 1 });
      const output = `${folder}/out`, job = { slurm, folder, sweep: [file, "--output", output] };
      const first = await submit(job, ["--array=1"], "--shard", "/2", "--device", "cpu");
      const runs = `${output}/runs`, filesOfRun = () => filesIn(`${runs}/${filesIn(runs)[0]}`);
      await until("there is a checkpoint", () =>
        Promise.try(() => filesOfRun().includes("checkpoint.safetensors")));
      await slurm.ask("scancel", `${first}_1`);
      await isDone(job, first);
      assertStringIncludes(
        await Deno.readTextFile(`${folder}/${first}.1.err`),
        "stopped by SIGTERM",
      );
      assert(!filesOfRun().includes("done.json"));
      const second = await submit(job, ["--array=1-2"], "--shard", "/2", "--device", "cpu");
      await isDone(job, second);
      const whole = `${folder}/whole`;
      await sweepAsProcess(file, output);
      await sweepAsProcess(file, whole);
      await assertSameSweep(output, whole);
    }),
});
