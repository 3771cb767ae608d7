import { matMul, reshape, sum, type Tensor, transpose } from '@tensorflow/tfjs-core'

/** A tensor and the letter of each of its dimensions. */
interface Labelled {
  readonly tensor: Tensor
  readonly labels: readonly string[]
}

/**
 * Einstein summation (https://numpy.org/doc/stable/reference/generated/numpy.einsum.html, without `...` and without
 * a letter twice in one operand) by matrix products: operands are contracted from left to right, letters that stand
 * in all of them are the batch. Unlike a product of every element with every other, nothing larger than the operands
 * and the result is made. Intermediate tensors are the caller's to dispose of.
 */
export function einsum(equation: string, operands: readonly Tensor[]): Tensor {
  const { terms, output } = parse(equation, operands)
  const labelled = operands.map((tensor, i) => ({ tensor, labels: terms[i] ?? [] }))
  const [first, ...rest] = labelled
  if (first === undefined) throw new Error(`Einsum '${equation}' has no operands`)
  const total = rest.reduce<Labelled>((left, right, i) => {
    const needed = new Set([...output, ...rest.slice(i + 1).flatMap(({ labels }) => labels)])
    return contract(sumOut(left, new Set([...needed, ...right.labels])), right, needed)
  }, first)
  return arrange(sumOut(total, new Set(output)), output).tensor
}

function parse(
  equation: string,
  operands: readonly Tensor[],
): { terms: readonly (readonly string[])[]; output: readonly string[] } {
  const [left, output, ...more] = equation.replaceAll(' ', '').split('->')
  const terms = left?.split(',').map((term) => [...term]) ?? []
  const isPlain = terms.every(
    (labels, i) =>
      labels.every((label) => /[A-Za-z]/.test(label)) &&
      new Set(labels).size === labels.length &&
      labels.length === operands[i]?.shape.length,
  )
  if (output === undefined || more.length > 0 || terms.length !== operands.length || !isPlain) {
    throw new Error(`Einsum '${equation}' is not supported for these operands`)
  }
  return { terms, output: [...output] }
}

/** Sums over the dimensions that nothing needs any more. */
function sumOut({ tensor, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]))
  if (axes.length === 0) return { tensor, labels }
  return { tensor: sum(tensor, axes), labels: labels.filter((label) => needed.has(label)) }
}

/** Multiplies two operands, summing over what both have and nothing else needs. */
function contract(left: Labelled, other: Labelled, needed: ReadonlySet<string>): Labelled {
  const right = sumOut(other, new Set([...needed, ...left.labels]))
  const shared = left.labels.filter((label) => right.labels.includes(label))
  const batch = shared.filter((label) => needed.has(label))
  const summed = shared.filter((label) => !needed.has(label))
  const rows = left.labels.filter((label) => !shared.includes(label))
  const columns = right.labels.filter((label) => !shared.includes(label))
  const a = arrange(left, [...batch, ...rows, ...summed])
  const b = arrange(right, [...batch, ...summed, ...columns])
  const size = (from: Labelled, labels: readonly string[]): number =>
    labels.reduce((product, label) => product * sizeOf(from, label), 1)
  const batches = size(a, batch)
  const product = matMul(
    reshape(a.tensor, [batches, size(a, rows), size(a, summed)]),
    reshape(b.tensor, [batches, size(b, summed), size(b, columns)]),
  )
  const labels = [...batch, ...rows, ...columns]
  const shape = labels.map((label) => sizeOf(a.labels.includes(label) ? a : b, label))
  return { tensor: reshape(product, shape), labels }
}

/** The same tensor with its dimensions in another order. */
function arrange({ tensor, labels }: Labelled, order: readonly string[]): Labelled {
  if (order.every((label, axis) => labels[axis] === label)) return { tensor, labels }
  const axes = order.map((label) => labels.indexOf(label))
  return { tensor: transpose(tensor, axes), labels: order }
}

function sizeOf({ tensor, labels }: Labelled, label: string): number {
  return tensor.shape[labels.indexOf(label)] ?? 1
}
