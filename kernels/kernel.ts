/**
 * The `Kernel` type: one operation on buffers, described once for all devices.
 *
 * A kernel is a value. Its name, bindings and scalars are its signature; `wgsl` says how WebGPU runs
 * it, `cpu` how threads split the work of the AssemblyScript function of the same name, and `reference`
 * is the definition: plain float64 code that the others are tested against.
 *
 * @module
 */

/** Types of a buffer's elements. Kernels compute on f32, u32 and i32; f16 and bf16 are storage only. */
export type ElementType = "f32" | "u32" | "i32" | HalfType;

/** Floats of 16 bits: IEEE 754 binary16, or the upper half of an f32. */
export type HalfType = "f16" | "bf16";

/** A kernel's access to a buffer: `update` reads and writes, `write` overwrites every element. */
export type Access = "read" | "write" | "update";

/** One buffer of a kernel's signature. */
export interface Binding {
  /** Type of its elements. */
  readonly type: ElementType;
  /** The kernel's access to it. */
  readonly access: Access;
}

/** The bindings of one element type. */
export type BindingsByAccess = Readonly<Record<Access, Binding>>;

/** An array that a reference function reads or writes: `Float64Array` for f32, the bits for f16 and bf16. */
export interface Numbers {
  /** The element at an index. */
  [index: number]: number;
  /** Number of elements. */
  readonly length: number;
}

/** Scalars by name. */
export type ScalarValues<S extends string> = Readonly<Record<S, number>>;

/** Program by which WebGPU runs a kernel. */
export interface WgslProgram<S extends string = string> {
  /**
   * WGSL with an entry point `main`. Buffers are `@group(0) @binding(i)` in the order of `bindings`;
   * the scalars, a uniform struct of 4-byte fields in the order of `scalars`, come after them.
   */
  readonly code: string;
  /** Values of the `override` constants. */
  readonly constants?: (scalars: ScalarValues<S>) => Record<string, number>;
  /**
   * Number of workgroups. If it exceeds the limit of one dimension, a device spreads it over two, so
   * the index of a workgroup is `workgroup_id.y * num_workgroups.x + workgroup_id.x`, and workgroups
   * past the end must return.
   */
  readonly workgroups: (scalars: ScalarValues<S>) => number;
  /**
   * A faster program for an adapter and a launch, the same value for the same choice; only products and attention
   * may have one (decision 0010).
   */
  readonly variant?: (
    adapter: AdapterTraits,
    scalars: ScalarValues<S>,
  ) => WgslProgram<S> | undefined;
}

/** Traits that select among programs that compute the same values. */
export interface AdapterTraits {
  /** Shaders run on the CPU. */
  readonly software: boolean;
  /** Threads per subgroup, if it is fixed and subgroup operations are allowed; else 0. */
  readonly subgroupSize: number;
  /** The compiler takes a program with subgroups only below `enable subgroups;`: Dawn's does, naga's refuses the line. */
  readonly enablesSubgroups?: boolean;
  /** The name of the program that was the fastest here for products of about a size, where that was measured. */
  readonly fastestProduct?: (size: ProductSize) => string | undefined;
}

/** Size and layout of a product C = op(A) op(B), C being m x n. */
export interface ProductSize {
  /** Rows of C. */
  readonly m: number;
  /** Columns of C. */
  readonly n: number;
  /** Terms of a sum. */
  readonly k: number;
  /** 1 where A is stored as k x m, else 0. */
  readonly transposeA: number;
  /** 1 where B is stored as n x k, else 0. */
  readonly transposeB: number;
}

/**
 * Program by which the CPU runs a kernel: the WebAssembly export named after the kernel takes the
 * bindings' addresses, the scalars, then `begin` and `end`, and computes the units
 * `begin <= unit < end`.
 */
export interface CpuProgram<S extends string = string> {
  /** Number of independent units (rows, heads, elements) that can be divided among threads. */
  readonly units: (scalars: ScalarValues<S>) => number;
  /** Fewest units that are worth a thread; threads' ranges begin at multiples of it. */
  readonly grain: (scalars: ScalarValues<S>) => number;
}

/** One operation on buffers. `B` are the names of its buffers, `S` of its scalars. */
export interface Kernel<B extends string = string, S extends string = string> {
  /** snake_case name, which is also that of the WebAssembly export. */
  readonly name: string;
  /** Buffers in the order in which all devices pass them. */
  readonly bindings: Readonly<Record<B, Binding>>;
  /** Scalars in the order in which all devices pass them. */
  readonly scalars: Readonly<Record<S, "u32" | "f32">>;
  /**
   * Elements that each buffer must have for these scalars, so that no device reads or writes beyond it;
   * left out for a buffer whose elements are chosen by values of another one, which the caller checks.
   */
  readonly elements: (scalars: ScalarValues<S>) => Partial<Readonly<Record<B, number>>>;
  /**
   * Elements of a buffer that a launch touches at most, where they are fewer than it must have: rows looked up.
   */
  readonly touches?: (scalars: ScalarValues<S>) => Partial<Readonly<Record<B, number>>>;
  /**
   * Multiplications and additions of a launch, at most; left out where moving the bytes takes longer than the
   * arithmetic.
   */
  readonly flops?: (scalars: ScalarValues<S>) => number;
  /** Its program for WebGPU. */
  readonly wgsl: WgslProgram<S>;
  /** Its program for the CPU. */
  readonly cpu: CpuProgram<S>;
  /** Its definition, in float64. */
  reference(buffers: Readonly<Record<B, Numbers>>, scalars: ScalarValues<S>): void;
}

/** Names of a kernel's buffers. */
export type BindingNames<K> = K extends Kernel<infer B, infer _> ? B : never;

/** Names of a kernel's scalars. */
export type ScalarNames<K> = K extends Kernel<infer _, infer S> ? S : never;

/** Buffers of 32-bit floats, by access: `bindings: { x: f32.read, y: f32.write }`. */
export const f32: BindingsByAccess = bindingsOf("f32");

/** Buffers of unsigned 32-bit integers, by access. */
export const u32: BindingsByAccess = bindingsOf("u32");

/** Buffers of signed 32-bit integers, by access. */
export const i32: BindingsByAccess = bindingsOf("i32");

/** Buffers of half-precision floats, by access; they are only stored. */
export const f16: BindingsByAccess = bindingsOf("f16");

/** Buffers of the upper halves of floats, by access; they are only stored. */
export const bf16: BindingsByAccess = bindingsOf("bf16");

function bindingsOf(type: ElementType): BindingsByAccess {
  return {
    read: { type, access: "read" },
    write: { type, access: "write" },
    update: { type, access: "update" },
  };
}

/** Makes a kernel from its description; it exists to infer the names. */
export function defineKernel<B extends string, S extends string>(
  kernel: Kernel<B, S>,
): Kernel<B, S> {
  return kernel;
}

/** Bytes of one element. */
export function elementBytes(type: ElementType): number {
  return isHalfType(type) ? 2 : 4;
}

/** True for floats of 16 bits. */
export function isHalfType(type: ElementType): type is HalfType {
  return type === "f16" || type === "bf16";
}

/**
 * Elements up to the end of a matrix whose row r starts at `offset + r * stride`; 0 for a matrix without
 * elements, as nothing of it is touched.
 */
export function elementsOf(rows: number, width: number, stride = width, offset = 0): number {
  return rows > 0 && width > 0 ? offset + (rows - 1) * stride + width : 0;
}

/** True for software adapters with subgroups of 8. */
export const hasSubgroups = ({ software, subgroupSize }: AdapterTraits): boolean =>
  software && subgroupSize === 8;

/** A program for software adapters with subgroups of 8, as a {@link WgslProgram.variant}. */
export function inSubgroups<S extends string>(program: WgslProgram<S>): WgslProgram<S>["variant"] {
  return (adapter) => hasSubgroups(adapter) ? program : undefined;
}

/** 1 when all counts are multiples of four, so that a shader may load four elements at a time, else 0. */
export function areFours(...counts: number[]): number {
  return Number(counts.every((count) => count % 4 === 0));
}

/** Number of pieces of `size` that cover `count`. */
export function ceilDivide(count: number, size: number): number {
  return Math.ceil(count / size);
}
