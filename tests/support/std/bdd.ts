/**
 * The suites of `@std/testing/bdd` that this project uses, on `Deno.test` and its steps.
 *
 * @module
 */

type Body = () => void | Promise<void>;
type Hook = "beforeAll" | "afterAll" | "beforeEach" | "afterEach";

interface Suite {
  readonly hooks: Record<Hook, Body[]>;
  readonly children: { name: string; body: Body | Suite }[];
}

const newSuite = (): Suite => ({
  hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
  children: [],
});

/** The suites being described, outermost first. */
const open: Suite[] = [];

/** Describes a suite: `body` registers its cases and hooks, synchronously. */
export function describe(name: string, body: () => void): void {
  const suite = newSuite();
  const parent = open.at(-1);
  open.push(suite);
  try {
    body();
  } finally {
    open.pop();
  }
  if (parent) parent.children.push({ name, body: suite });
  else Deno.test(name, (context) => runSuite(suite, [], context));
}

/** Registers a case in the suite being described, or a test of its own outside of one. */
export function it(name: string, body: Body): void {
  const suite = open.at(-1);
  if (suite) suite.children.push({ name, body });
  else Deno.test(name, body);
}

/** Runs once before the suite's first case. */
export const beforeAll = (body: Body): void => addHook("beforeAll", body);
/** Runs once after the suite's last case. */
export const afterAll = (body: Body): void => addHook("afterAll", body);
/** Runs before each case of the suite and of the suites in it. */
export const beforeEach = (body: Body): void => addHook("beforeEach", body);
/** Runs after each case of the suite and of the suites in it. */
export const afterEach = (body: Body): void => addHook("afterEach", body);

function addHook(hook: Hook, body: Body): void {
  const suite = open.at(-1);
  if (!suite) throw new TypeError(`${hook} must be called inside describe`);
  suite.hooks[hook].push(body);
}

async function runAll(bodies: Body[]): Promise<void> {
  for (const body of bodies) await body();
}

async function runSuite(suite: Suite, outer: Suite[], context: Deno.TestContext): Promise<void> {
  const path = [...outer, suite];
  await runAll(suite.hooks.beforeAll);
  try {
    for (const { name, body } of suite.children) {
      await context.step(
        name,
        (step) => typeof body === "function" ? runCase(body, path) : runSuite(body, path, step),
      );
    }
  } finally {
    await runAll(suite.hooks.afterAll);
  }
}

async function runCase(body: Body, path: Suite[]): Promise<void> {
  await runAll(path.flatMap((suite) => suite.hooks.beforeEach));
  try {
    await body();
  } finally {
    await runAll(path.toReversed().flatMap((suite) => suite.hooks.afterEach));
  }
}
