/** A Slurm cluster of this machine alone: its own daemons, in a folder, on free ports, as this user. @module */

import { assert, assertEquals } from "@std/assert";
import { rootPath } from "../../scripts/support/source_files.ts";

const programs = ["munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue"];

/** Folders with Debian's programs, some of which are not in a user's `PATH`. */
const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin`;

const isFile = (file: string) => Deno.stat(file).then((found) => found.isFile, () => false);

const find = async (program: string) => {
  const files = path.split(":").map((folder) => `${folder}/${program}`);
  for (const file of files) if (await isFile(file)) return file;
};

/** The programs of Slurm that this machine lacks; on Debian: apt-get install slurm-wlm munge. */
export async function missingSlurm(): Promise<string[]> {
  const found = await Promise.all(programs.map(find));
  return programs.filter((_, i) => found[i] === undefined);
}

/** A cluster that runs. */
export interface Slurm extends AsyncDisposable {
  /** Runs one of Slurm's programs in the repository, and gives what it prints. */
  ask(program: string, ...args: string[]): Promise<string>;
}

/** Starts munged, slurmctld and slurmd in a folder, and waits until the node takes jobs. */
export async function startSlurm(folder: string, env: Record<string, string>): Promise<Slurm> {
  await Deno.chmod(folder, 0o755); // munged wants others to reach its socket.
  const config = `${folder}/slurm.conf`, munge = (name: string) => `${folder}/munge.${name}`;
  await Deno.writeFile(munge("key"), crypto.getRandomValues(new Uint8Array(128)), { mode: 0o400 });
  await Deno.writeTextFile(config, await configOf(folder));
  await Deno.writeTextFile(`${folder}/plugstack.conf`, "");
  const daemons: Deno.ChildProcess[] = [];
  const start = async (program: string, ...args: string[]) => {
    const options = { args, cwd: folder, stdin: "null", stdout: "null", stderr: "null" } as const;
    daemons.push(new Deno.Command((await find(program))!, options).spawn());
  };
  const own = ["key", "pid", "log", "seed"].map((name) => `--${name}-file=${munge(name)}`);
  await start("munged", "--foreground", `--socket=${munge("socket")}`, ...own);
  await start("slurmctld", "-D", "-f", config);
  await start("slurmd", "-D", "-f", config);
  const ask = (program: string, ...args: string[]) =>
    askSlurm({ ...env, SLURM_CONF: config, PATH: path }, program, args);
  const stop = async () => {
    for (const daemon of daemons.toReversed()) {
      daemon.kill("SIGTERM");
      await daemon.status;
    }
  };
  const slurm = {
    ask,
    [Symbol.asyncDispose]: async () => {
      await ask("scancel", "--me").catch(() => {});
      await until("no job is left", async () => await ask("squeue", "--noheader") === "");
      await stop();
    },
  };
  await until("the node is idle", async () => / idle /.test(await ask("sinfo", "--noheader")))
    .catch(async (error) => {
      await stop();
      throw error;
    });
  return slurm;
}

async function askSlurm(env: Record<string, string>, program: string, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command((await find(program))!, {
    ...{ args: [...args], env, cwd: rootPath, stdin: "null" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, `${program} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout).trim();
}

/** Waits until something holds; what cannot be asked yet does not. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!await holds().catch(() => false)) {
    assert(performance.now() < end, `60 s and not yet: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** One node, this machine, which runs four jobs at a time whatever it has. */
async function configOf(folder: string): Promise<string> {
  const host = Deno.hostname().split(".")[0], user = Deno.env.get("USER") ?? await userName();
  await Deno.mkdir(`${folder}/state`);
  await Deno.mkdir(`${folder}/spool`);
  const settings = {
    ...{ ClusterName: "lowrank", SlurmctldHost: `${host}(127.0.0.1)` },
    ...{ SlurmctldPort: freePort(), SlurmdPort: freePort() },
    ...{ SlurmUser: user, SlurmdUser: user, SlurmdParameters: "config_overrides" },
    ...{
      AuthType: "auth/munge",
      CredType: "cred/munge",
      AuthInfo: `socket=${folder}/munge.socket`,
    },
    ...{ StateSaveLocation: `${folder}/state`, SlurmdSpoolDir: `${folder}/spool` },
    ...{ SlurmctldPidFile: `${folder}/slurmctld.pid`, SlurmdPidFile: `${folder}/slurmd.pid` },
    ...{ SlurmctldLogFile: `${folder}/slurmctld.log`, SlurmdLogFile: `${folder}/slurmd.log` },
    ...{ ProctrackType: "proctrack/linuxproc", TaskPlugin: "task/none", MpiDefault: "none" },
    ...{ JobAcctGatherType: "jobacct_gather/none", SelectType: "select/linear" },
    ...{ PlugStackConfig: `${folder}/plugstack.conf`, ReturnToService: 2, MinJobAge: 300 },
    SchedulerParameters: "sched_interval=1,batch_sched_delay=0",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const node = `NodeName=${host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16384 State=UNKNOWN`;
  const partition = `PartitionName=all Nodes=${host} Default=YES State=UP OverSubscribe=FORCE:4`;
  return [...lines, node, partition, ""].join("\n");
}

async function userName(): Promise<string> {
  const { stdout } = await new Deno.Command("id", { args: ["-un"] }).output();
  return new TextDecoder().decode(stdout).trim();
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
