/**
 * The assertions of `@std/assert` that this project uses, on `node:assert`.
 *
 * Same names and signatures as the real package, which `deno task test:std` puts in its place; see
 * `docs/decisions/0001_std_names_mapped_to_small_modules.md`.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";

/** The error of every failed assertion. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

// deno-lint-ignore no-explicit-any -- the widest constructor type, as in @std/assert
type AnyConstructor = abstract new (...args: any[]) => any;
// deno-lint-ignore no-explicit-any -- the widest error class, as in @std/assert
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

const show = (value: unknown): string => Deno.inspect(value, { depth: 4, strAbbreviateSize: 500 });
const suffix = (message?: string): string => message ? `: ${message}` : ".";

/** Fails. */
export function fail(message?: string): never {
  throw new AssertionError(`Failed assertion${suffix(message)}`);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, message = ""): asserts expr {
  if (!expr) throw new AssertionError(message);
}

/** Rethrows node's error, whose message carries the difference, as ours. */
function viaNode(check: () => void, message?: string): void {
  try {
    check();
  } catch (error) {
    const text = (error as Error).message;
    throw new AssertionError(message ? `${message}\n${text}` : text);
  }
}

/** Fails unless the values are deeply equal (same types, `Object.is` at the leaves). */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  viaNode(() => nodeAssert.deepStrictEqual(actual, expected), message);
}

/** Fails if the values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  viaNode(() => nodeAssert.notDeepStrictEqual(actual, expected), message);
}

/** Fails unless `Object.is` holds. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  viaNode(() => nodeAssert.strictEqual(actual, expected), message);
}

/** Fails unless the numbers differ by at most `tolerance`, by default 1e-7 of `expected`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const difference = Math.abs(expected - actual);
  if (difference <= allowed) return;
  throw new AssertionError(
    `Expected ${actual} to be within ${allowed} of ${expected}, the difference is ${difference}` +
      suffix(message),
  );
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected ${show(actual)} to contain ${show(expected)}` + suffix(message),
  );
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected ${show(actual)} to match ${expected}` + suffix(message));
}

/** Fails if `actual` is `null` or `undefined`. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected ${actual} to be neither null nor undefined` + suffix(message));
}

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  message = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected ${show(actual)} to be an instance of ${expectedType.name}` + suffix(message),
  );
}

function assertOrder(
  holds: boolean,
  actual: unknown,
  rule: string,
  expected: unknown,
  message?: string,
) {
  if (holds) return;
  throw new AssertionError(`Expected ${show(actual)} ${rule} ${show(expected)}` + suffix(message));
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  assertOrder(actual > expected, actual, ">", expected, message);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  assertOrder(actual >= expected, actual, ">=", expected, message);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  assertOrder(actual < expected, actual, "<", expected, message);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  assertOrder(actual <= expected, actual, "<=", expected, message);
}

type RuleArguments = [string?] | [ErrorClass<Error>, string?, string?];

interface ErrorRule {
  errorClass?: ErrorClass<Error>;
  includes?: string;
  message?: string;
}

/** Tells the two overloads of `assertThrows` and `assertRejects` apart. */
function ruleOf([first, includes, message]: RuleArguments): ErrorRule {
  return typeof first === "function"
    ? { errorClass: first, includes, message }
    : { message: first };
}

function checkError(error: unknown, { errorClass, includes, message }: ErrorRule): void {
  if (!errorClass) return;
  assertInstanceOf(error, errorClass, message);
  if (includes) assertStringIncludes(error.message, includes, message);
}

/** Fails unless `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
/** Fails unless `fn` throws an `errorClass` whose message includes `includes`; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows(fn: () => unknown, ...rule: RuleArguments): unknown {
  try {
    fn();
  } catch (error) {
    checkError(error, ruleOf(rule));
    return error;
  }
  throw new AssertionError("Expected function to throw" + suffix(ruleOf(rule).message));
}

/** Fails unless the promise of `fn` rejects; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
/** Fails unless the promise of `fn` rejects with an `errorClass` whose message includes `includes`. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...rule: RuleArguments
): Promise<unknown> {
  const promise = startPromise(fn, ruleOf(rule).message);
  try {
    await promise;
  } catch (error) {
    checkError(error, ruleOf(rule));
    return error;
  }
  throw new AssertionError("Expected function to reject" + suffix(ruleOf(rule).message));
}

/** A function that throws before it returns its promise has not rejected: the std rule. */
function startPromise(fn: () => PromiseLike<unknown>, message?: string): PromiseLike<unknown> {
  try {
    return fn();
  } catch (error) {
    throw new AssertionError("Function throws when expected to reject" + suffix(message), {
      cause: error,
    });
  }
}
