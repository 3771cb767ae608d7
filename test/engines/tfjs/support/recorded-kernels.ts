import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIXTURES } from './fixtures.ts'

export interface Numbers {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** Cases that `kernels.py` recorded, with what TensorFlow answers. */
export interface RecordedKernels {
  readonly einsum: readonly {
    readonly equation: string
    readonly operands: readonly Numbers[]
    readonly result: Numbers
  }[]
  readonly matMul: readonly {
    readonly activation: string
    readonly transposeA: boolean
    readonly transposeB: boolean
    readonly a: Numbers
    readonly b: Numbers
    readonly bias: Numbers
    readonly result: Numbers
  }[]
  readonly conv2d: readonly {
    readonly x: Numbers
    readonly filter: Numbers
    readonly bias: Numbers
    readonly result: Numbers
  }[]
}

export function recordedKernels(): RecordedKernels {
  return JSON.parse(readFileSync(join(FIXTURES, 'kernels.json'), 'utf8')) as RecordedKernels
}
