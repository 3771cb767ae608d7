import type { Graph, Initializer, Node } from './onnx-writer.ts'
import { createRandom, randomWeights } from './random.ts'

/** Four dense layers, 256 to 10: 9.5 MB of weights, 0.1 to 0.4 ms a row on one thread. */
export function mlp(): Graph {
  const random = createRandom(1)
  const sizes = [256, 1024, 1024, 1024, 10]
  const nodes: Node[] = []
  const initializers: Initializer[] = []
  let previous = 'input'
  for (let i = 0; i + 1 < sizes.length; i += 1) {
    const from = sizes[i] as number
    const to = sizes[i + 1] as number
    const isLast = i + 2 === sizes.length
    initializers.push(weights(random, `w${i}`, [from, to], from), zeros(`b${i}`, to))
    const output = isLast ? 'output' : `g${i}`
    nodes.push({ op: 'Gemm', inputs: [previous, `w${i}`, `b${i}`], output })
    if (!isLast) nodes.push({ op: 'Relu', inputs: [output], output: `r${i}` })
    previous = `r${i}`
  }
  return { name: 'mlp', inputShape: [256], outputShape: [10], nodes, initializers }
}

/** Eight 3x3 convolutions over 3x224x224 and a softmax of 1,000 classes: about 0.47 billion multiplications a row. */
export function image(): Graph {
  const random = createRandom(2)
  const layers: readonly (readonly [from: number, to: number, stride: number])[] = [
    [3, 32, 2],
    [32, 64, 2],
    [64, 128, 2],
    [128, 128, 1],
    [128, 256, 2],
    [256, 256, 1],
    [256, 256, 2],
    [256, 256, 1],
  ]
  const nodes: Node[] = []
  const initializers: Initializer[] = []
  let previous = 'input'
  for (const [i, [from, to, stride]] of layers.entries()) {
    initializers.push(weights(random, `w${i}`, [to, from, 3, 3], 9 * from), zeros(`b${i}`, to))
    const attributes = { kernel_shape: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1] }
    nodes.push({ op: 'Conv', inputs: [previous, `w${i}`, `b${i}`], output: `c${i}`, attributes })
    nodes.push({ op: 'Relu', inputs: [`c${i}`], output: `r${i}` })
    previous = `r${i}`
  }
  initializers.push(weights(random, 'wf', [256, 1000], 512), zeros('bf', 1000))
  nodes.push(
    { op: 'GlobalAveragePool', inputs: [previous], output: 'gap' },
    { op: 'Flatten', inputs: ['gap'], output: 'flat' },
    { op: 'Gemm', inputs: ['flat', 'wf', 'bf'], output: 'logits' },
    { op: 'Softmax', inputs: ['logits'], output: 'output', attributes: { axis: 1 } },
  )
  return { name: 'image', inputShape: [3, 224, 224], outputShape: [1000], nodes, initializers }
}

/** He initialisation: activations keep their size from layer to layer. */
function weights(
  random: () => number,
  name: string,
  shape: readonly number[],
  fanIn: number,
): Initializer {
  const count = shape.reduce((product, size) => product * size, 1)
  return { name, shape, data: randomWeights(random, count, Math.sqrt(2 / fanIn)) }
}

function zeros(name: string, size: number): Initializer {
  return { name, shape: [size], data: new Float32Array(size) }
}
