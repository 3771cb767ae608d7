import { beforeAll, describe, expect, it } from 'vitest'
import { type Numbers, recordedKernels } from './support/recorded-kernels.ts'
import { runInThread } from './support/thread.ts'

interface Computed {
  readonly einsum: readonly Numbers[]
  readonly matMul: readonly Numbers[]
  readonly conv2d: readonly Numbers[]
  readonly identity: { readonly shared: boolean; readonly survivor: readonly number[] }
  readonly left: number
}

const recorded = recordedKernels()

describe('kernels added to the wasm backend', () => {
  let computed: Computed

  beforeAll(async () => {
    computed = await runInThread('./kernels-worker.ts', 'computeKernels', recorded)
  })

  it.each(recorded.einsum.map(({ equation, result }, i) => ({ equation, result, i })))(
    'Einsum $equation answers as TensorFlow',
    ({ result, i }) => expectNear(computed.einsum[i], result),
  )

  it.each(recorded.matMul.map((product, i) => ({ ...product, i })))(
    '_FusedMatMul of $a.shape (transposed: $transposeA) and $b.shape ($transposeB), bias $bias.shape, $activation',
    ({ result, i }) => expectNear(computed.matMul[i], result),
  )

  it.each(recorded.conv2d.map(({ bias, result }, i) => ({ bias, result, i })))(
    'FusedConv2D with a bias of shape $bias.shape answers as TensorFlow',
    ({ result, i }) => expectNear(computed.conv2d[i], result),
  )

  it('Identity shares its data, which outlives the tensor it came from', () => {
    expect(computed.identity).toEqual({ shared: true, survivor: [1, 2, 3] })
  })

  it('leave no tensor behind', () => {
    expect(computed.left).toBe(0)
  })
})

function expectNear(computed: Numbers | undefined, recorded: Numbers): void {
  expect(computed?.shape).toEqual(recorded.shape)
  expect(computed?.data).toEqual(recorded.data.map((value) => expect.closeTo(value, 5)))
}
