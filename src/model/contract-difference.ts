import type { Signature } from './signature.ts'
import type { TensorSpec } from './tensor.ts'

/** What clients rely on: how requests are read and what answers hold. */
export interface ServedContract {
  readonly signature: Signature | undefined
  /** The graph's own inputs and outputs, in its order. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** Which of MLflow's wrappers shapes the answers; `onnx` where nothing is said. */
  readonly wrapper?: 'onnx' | 'keras'
}

/**
 * What an existing client notices of a new version: `identical` nothing at all; `compatible` nothing that it has to
 * be changed for; `breaking` requests that were answered may be refused, or answers that were understood may not be.
 */
export const CONTRACT_CHANGES = ['identical', 'compatible', 'breaking'] as const
export type ContractChange = (typeof CONTRACT_CHANGES)[number]

export interface Difference {
  readonly change: 'compatible' | 'breaking'
  /** In words for people. */
  readonly text: string
}

export function breaking(text: string): Difference {
  return { change: 'breaking', text }
}

export function compatible(text: string): Difference {
  return { change: 'compatible', text }
}

/** Named things of two versions, side by side. */
interface Matches<T> {
  /** Name, then what it was and what it is. */
  readonly kept: readonly (readonly [string, T, T])[]
  readonly added: readonly (readonly [string, T])[]
  readonly gone: readonly (readonly [string, T])[]
  /** What is in both stands in another order. */
  readonly moved: boolean
}

/** Puts things side by side by their name, in quotes, or by their place from 1 where they have none. */
export function sideBySide<T extends { readonly name: string | undefined }>(
  before: readonly T[],
  after: readonly T[],
): Matches<T> {
  const old = new Map(before.map(keyed))
  const now = new Map(after.map(keyed))
  const kept = [...now].flatMap(([key, is]) => {
    const was = old.get(key)
    return was === undefined ? [] : [[key, was, is] as const]
  })
  const inBoth = [...old.keys()].filter((key) => now.has(key))
  return {
    kept,
    added: [...now].filter(([key]) => !old.has(key)),
    gone: [...old].filter(([key]) => !now.has(key)),
    moved: kept.some(([key], i) => key !== inBoth[i]),
  }
}

function keyed<T extends { readonly name: string | undefined }>(spec: T, i: number) {
  return [spec.name === undefined ? `${i + 1}` : `"${spec.name}"`, spec] as const
}
