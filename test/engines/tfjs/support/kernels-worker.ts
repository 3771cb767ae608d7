/** A thread that computes the recorded cases with the kernels that are registered for the wasm backend. */
import { clone, einsum, fused, memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { useBackend } from '../../../../src/engines/tfjs/backends.ts'
import type { Numbers, RecordedKernels } from './recorded-kernels.ts'

const read = ({ shape, data }: Numbers): Tensor => tensor([...data], [...shape], 'float32')
const spell = (result: Tensor): Numbers => ({ shape: result.shape, data: [...result.dataSync()] })

function compute(make: () => Tensor): Numbers {
  const result = tidy(make)
  const numbers = spell(result)
  result.dispose()
  return numbers
}

export async function computeKernels(cases: RecordedKernels) {
  await useBackend('wasm')
  const results = {
    einsum: cases.einsum.map(({ equation, operands }) =>
      compute(() => einsum(equation, ...operands.map(read))),
    ),
    matMul: cases.matMul.map(({ a, b, bias, activation, transposeA, transposeB }) =>
      compute(() =>
        fused.matMul({
          a: read(a),
          b: read(b),
          transposeA,
          transposeB,
          bias: read(bias),
          activation: activation as 'linear',
          leakyreluAlpha: 0.3,
        }),
      ),
    ),
    conv2d: cases.conv2d.map(({ x, filter, bias }) =>
      compute(() =>
        fused.conv2d({
          x: read(x) as Parameters<typeof fused.conv2d>[0]['x'],
          filter: read(filter) as Parameters<typeof fused.conv2d>[0]['filter'],
          strides: 1,
          pad: 'same',
          bias: read(bias),
          activation: 'relu',
        }),
      ),
    ),
  }

  const original = tensor([1, 2, 3])
  const { numDataBuffers } = memory()
  const copy = clone(original)
  const shared = memory().numDataBuffers === numDataBuffers
  original.dispose()
  const survivor = spell(copy).data
  copy.dispose()
  return { ...results, identity: { shared, survivor }, left: memory().numTensors }
}
