/** Graphs of versions that are registered in place of the classifier, each bad in its own way. */
import { type Constant, type Graph, ONNX_TYPES } from '../../engines/support/onnx-file.ts'
import { scores, weights, X, Y } from './classifier.ts'

const { float32, int64, bool } = ONNX_TYPES

/** Where a graph differs from the classifier's. */
type Change = Partial<Omit<Graph, 'constants'>> & { readonly constants?: readonly Constant[] }

function graph({ inputs = [X], outputs = [Y], nodes = [scores()], constants = [] }: Change): Graph {
  return { inputs, outputs, nodes, constants: [...weights(2), ...constants] }
}

const int64s = (name: string, ...values: number[]): Constant => ({
  name,
  type: int64,
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
})

const float = (name: string, value: number): Constant => ({
  name,
  type: float32,
  shape: [],
  data: Float32Array.of(value),
})

export const otherInputName = (): Graph =>
  graph({ inputs: [{ ...X, name: 'features' }], nodes: [scores('y', 'features')] })

export const otherOutputName = (): Graph =>
  graph({ outputs: [{ ...Y, name: 'label' }], nodes: [scores('label')] })

/** Whole numbers: fractions of what clients send would be lost. */
export const otherDtype = (): Graph =>
  graph({
    inputs: [{ ...X, type: int64 }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['fraction'], attributes: { to: float32 } },
      scores('y', 'fraction'),
    ],
  })

export const otherRank = (): Graph =>
  graph({
    inputs: [{ ...X, shape: ['n', 4, 1] }],
    nodes: [{ op: 'Squeeze', inputs: ['x', 'last'], outputs: ['flat'] }, scores('y', 'flat')],
    constants: [int64s('last', 2)],
  })

export const unknownOperator = (): Graph =>
  graph({
    nodes: [
      scores('scores'),
      { op: 'FusedScores', domain: 'com.example', inputs: ['scores'], outputs: ['y'] },
    ],
  })

export const sequenceOutput = (): Graph =>
  graph({
    outputs: [{ ...Y, sequence: true }],
    nodes: [scores('scores'), { op: 'SequenceConstruct', inputs: ['scores'], outputs: ['y'] }],
  })

/** Scores whose logarithm is taken: NaN wherever they are negative. */
export const nanOutputs = (): Graph =>
  graph({ nodes: [scores('scores'), { op: 'Log', inputs: ['scores'], outputs: ['y'] }] })

export const randomOutputs = (): Graph =>
  graph({
    nodes: [scores('scores'), { op: 'RandomNormalLike', inputs: ['scores'], outputs: ['y'] }],
  })

export const constantOutputs = (): Graph =>
  graph({
    nodes: [
      scores('scores'),
      { op: 'Mul', inputs: ['scores', 'zero'], outputs: ['nothing'] },
      { op: 'Add', inputs: ['nothing', 'half'], outputs: ['y'] },
    ],
    constants: [float('zero', 0), float('half', 0.5)],
  })

/** Runs a loop that adds nothing to the scores, as many times as the scalar `trips` says. */
function loop(): Graph['nodes'] {
  const carried = { name: 'in', type: float32, shape: ['n', 2] }
  const body: Graph = {
    inputs: [{ name: 'i', type: int64, shape: [] }, { name: 'go', type: bool, shape: [] }, carried],
    outputs: [
      { name: 'go_on', type: bool, shape: [] },
      { ...carried, name: 'out' },
    ],
    nodes: [
      { op: 'Identity', inputs: ['go'], outputs: ['go_on'] },
      { op: 'Add', inputs: ['in', 'nothing'], outputs: ['out'] },
    ],
    constants: [float('nothing', 0)],
  }
  return [
    scores('scores'),
    { op: 'Loop', inputs: ['trips', '', 'scores'], outputs: ['y'], attributes: { body } },
  ]
}

const scalar = (name: string, value: bigint): Constant => ({
  name,
  type: int64,
  shape: [],
  data: BigInt64Array.of(value),
})

/** Beyond any patience. */
const ENDLESS = 2 ** 52

/** Every run goes through a loop as many times. */
export const slow = (iterations: number): Graph =>
  graph({ nodes: loop(), constants: [scalar('trips', BigInt(iterations))] })

export const hangs = (): Graph => slow(ENDLESS)

/** A run goes through the loop where a row's first column is `limit` or more. */
export const slowFrom = (limit: number, iterations: number): Graph =>
  graph({
    nodes: [
      { op: 'Gather', inputs: ['x', 'first'], outputs: ['column'], attributes: { axis: 1 } },
      { op: 'ReduceMax', inputs: ['column'], outputs: ['largest'], attributes: { keepdims: 0 } },
      { op: 'Div', inputs: ['largest', 'limit'], outputs: ['times'] },
      { op: 'Cast', inputs: ['times'], outputs: ['whole'], attributes: { to: int64 } },
      { op: 'Mul', inputs: ['whole', 'iterations'], outputs: ['trips'] },
      ...loop(),
    ],
    constants: [
      scalar('first', 0n),
      float('limit', limit),
      scalar('iterations', BigInt(iterations)),
    ],
  })

export const hangsFrom = (limit: number): Graph => slowFrom(limit, ENDLESS)

/** Each row takes this many bytes while it runs, and ONNX Runtime's arena keeps them. */
export const hungry = (bytes: number): Graph =>
  graph({
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'], attributes: { end: 1 } },
      { op: 'Mul', inputs: ['shape', 'floats'], outputs: ['size'] },
      { op: 'Expand', inputs: ['zero', 'size'], outputs: ['large'] },
      { op: 'ReduceSum', inputs: ['large'], outputs: ['sum'], attributes: { keepdims: 0 } },
      scores('scores'),
      { op: 'Add', inputs: ['scores', 'sum'], outputs: ['y'] },
    ],
    constants: [int64s('floats', Math.ceil(bytes / 4)), float('zero', 0)],
  })

/** The first column looks a row up in a table of this many rows; a larger one finds none. */
export const looksUp = (tableRows: number): Graph =>
  graph({
    nodes: [
      { op: 'Gather', inputs: ['x', 'first'], outputs: ['column'], attributes: { axis: 1 } },
      { op: 'Cast', inputs: ['column'], outputs: ['index'], attributes: { to: int64 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['nothing'] },
      scores('scores'),
      { op: 'Add', inputs: ['scores', 'nothing'], outputs: ['y'] },
    ],
    constants: [
      scalar('first', 0n),
      { name: 'table', type: float32, shape: [tableRows, 1], data: new Float32Array(tableRows) },
    ],
  })

/** Whatever came is to be one row: more do not fit. That it is so shows in a run alone. */
export const oneRowOnly = (): Graph =>
  graph({
    nodes: [
      scores('scores'),
      { op: 'Shape', inputs: ['x'], outputs: ['rows'], attributes: { end: 1 } },
      { op: 'Mul', inputs: ['rows', 'nothing'], outputs: ['zeros'] },
      { op: 'Add', inputs: ['zeros', 'one_row'], outputs: ['shape'] },
      { op: 'Reshape', inputs: ['scores', 'shape'], outputs: ['y'] },
    ],
    constants: [int64s('nothing', 0, 0), int64s('one_row', 1, 2)],
  })

/** Scores a row together with whatever shares its batch; alone it is right. */
export const mixesRows = (): Graph =>
  graph({
    nodes: [
      { op: 'ReduceSum', inputs: ['x', 'rows'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['sum', 'x'], outputs: ['others'] },
      { op: 'Add', inputs: ['x', 'others'], outputs: ['mixed'] },
      scores('y', 'mixed'),
    ],
    constants: [int64s('rows', 0)],
  })

/** Divides the smallest whole number by -1, which the processor answers with a signal. */
export const overflowsDivision = (): Graph =>
  graph({
    nodes: [
      { op: 'Mul', inputs: ['x', 'zero'], outputs: ['zeros'] },
      { op: 'Cast', inputs: ['zeros'], outputs: ['whole'], attributes: { to: int64 } },
      { op: 'Add', inputs: ['whole', 'smallest'], outputs: ['dividend'] },
      { op: 'Div', inputs: ['dividend', 'minus_one'], outputs: ['quotient'] },
      { op: 'Cast', inputs: ['quotient'], outputs: ['number'], attributes: { to: float32 } },
      { op: 'Add', inputs: ['x', 'number'], outputs: ['large'] },
      scores('y', 'large'),
    ],
    constants: [float('zero', 0), scalar('smallest', -(2n ** 63n)), scalar('minus_one', -1n)],
  })
