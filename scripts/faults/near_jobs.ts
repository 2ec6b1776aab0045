/** The tests that may notice a fault. @module */

import { packageRoots, sourceFiles } from "../support/source_files.ts";
import { Graph } from "../test/graph.ts";
import { examplesOf, type Job, jobsOf, type Tier } from "../test/jobs.ts";
import { folderOf } from "./fault.ts";

/** A job and the imports between it and the broken file. */
export interface NearJob extends Job {
  readonly steps: number;
}

const graph = new Graph(sourceFiles([...packageRoots, "tests", "scripts"]));

/** True for tests of the whole tree, such as that every fault finds its code: they read sources, and run none. */
const isOfTree = (path: string): boolean => /^tests\/\w+\.ts$/.test(path);

/** Compiled by `deno task build:kernels`: what is loaded in the place of AssemblyScript. */
const loaded = (file: string): string[] => file.endsWith(".as.ts") ? ["kernels/cpu.ts"] : [];

/** Seconds by which a file's tests are put off as by one more import. */
const stepSeconds = 5;

/**
 * The tests that a file reaches by imports: those of its own folder first, then the nearest, where a long file is
 * put off; last the examples in its folder.
 */
export function jobsNear(file: string, tiers: readonly Tier[]): NearJob[] {
  const steps = graph.distances([file, ...loaded(file)]), examples = examplesOf(file);
  const stepsTo = (job: Job) =>
    job.examples ? job.path === examples ? 1000 : undefined : steps.get(job.path);
  const own = `tests/${folderOf(file).replace(/^src\//, "")}/`;
  const placeOf = ({ path, steps, seconds }: NearJob) =>
    (path.startsWith(own) ? -1000 : 0) + steps + seconds / stepSeconds;
  return jobsOf(tiers).filter(({ path }) => !isOfTree(path))
    .flatMap((job) => {
      const steps = stepsTo(job);
      return steps === undefined ? [] : [{ ...job, steps }];
    })
    .sort((a, b) => placeOf(a) - placeOf(b));
}

/** Takes the next jobs for one process: one, and more within so many seconds; tests and examples apart. */
export function takeNear(queue: NearJob[], seconds: number): NearJob[] {
  const [first] = queue;
  let left = seconds - first.seconds, count = 1;
  for (const { examples, seconds } of queue.slice(1)) {
    if (examples !== first.examples || seconds > left) break;
    left -= seconds, count++;
  }
  return queue.splice(0, count);
}
