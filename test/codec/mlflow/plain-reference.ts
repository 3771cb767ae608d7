import type { PyValue } from '../../../src/codec/json/py-value.ts'
import { readJson } from '../../../src/codec/json/reader.ts'
import type { AnswerForm, ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import type { ScalarType } from '../../../src/model/signature.ts'
import { allocate, type DType, type NamedTensors, type Tensor } from '../../../src/model/tensor.ts'

/**
 * What MLflow feeds for a body of plain numbers, without a thought for speed: the body as values, each column or tensor
 * cast to the signature's type, then to the graph's. Only right for bodies that MLflow accepts.
 */
export function plainReference(
  contract: ModelContract,
  body: string,
): { feeds: NamedTensors; answer: AnswerForm } {
  const root = readJson(Buffer.from(body), { maxDepth: 100 }) as ReadonlyMap<string, PyValue>
  const [form, data] = [...root][0] as readonly [string, PyValue]
  const kind = contract.signature?.inputs?.kind
  const isFrame = kind === 'columns' || (kind === undefined && form.startsWith('dataframe'))
  return {
    feeds:
      contract.inputs.length === 1
        ? onlyFeed(contract, form, data)
        : feedsByName(contract, form, data),
    answer: { layout: isFrame ? 'records' : 'dict', wrapped: true },
  }
}

type Column = readonly [name: string | undefined, values: readonly PyValue[]]

/** The columns of a body, each a list of cells, in the body's order; undefined for a bare list. */
function columnsOf(form: string, data: PyValue): readonly Column[] | undefined {
  if (form === 'dataframe_split') {
    const split = data as ReadonlyMap<string, PyValue>
    const rows = split.get('data') as readonly (readonly PyValue[])[]
    const names = split.get('columns') as readonly string[] | undefined
    return (rows[0] ?? []).map((_, i) => [names?.[i], rows.map((row) => row[i] ?? null)])
  }
  if (Array.isArray(data) && data[0] instanceof Map) {
    const rows = data as readonly ReadonlyMap<string, PyValue>[]
    return [...(rows[0] ?? [])].map(([name]) => [name, rows.map((row) => row.get(name) ?? null)])
  }
  if (data instanceof Map) return [...(data as ReadonlyMap<string, readonly PyValue[]>)]
  return undefined
}

const COLUMN_TYPES: Readonly<Partial<Record<ScalarType, DType>>> = {
  integer: 'int32',
  long: 'int64',
  float: 'float32',
  double: 'float64',
}

function onlyFeed(contract: ModelContract, form: string, data: PyValue): NamedTensors {
  const [input] = contract.inputs
  if (input === undefined) throw new Error('the contract has no input')
  const columns = columnsOf(form, data)
  const schema = contract.signature?.inputs
  const tensorType = schema?.kind === 'tensors' ? schema.tensors[0]?.dtype : undefined
  if (columns === undefined) return { [input.name]: tensorOf(data, tensorType, input.dtype) }
  if (!form.startsWith('dataframe') && schema?.kind !== 'columns') {
    return { [input.name]: tensorOf(columns[0]?.[1] ?? null, tensorType, input.dtype) }
  }
  const cells = frameCells(contract, columns)
  const shape = schema?.kind === 'tensors' ? schema.tensors[0]?.shape.length : 2
  return { [input.name]: tensorOf(shape === 1 ? cells.flat() : cells, tensorType, input.dtype) }
}

/** Rows of cells, columns in the signature's order and rounded to its types. */
function frameCells(contract: ModelContract, columns: readonly Column[]): PyValue[][] {
  const schema = contract.signature?.inputs
  const rows = columns[0]?.[1].length ?? 0
  const ordered =
    schema?.kind === 'columns'
      ? schema.columns.map(({ name, type }, i) => {
          const cells =
            name === undefined ? columns[i]?.[1] : columns.find(([one]) => one === name)?.[1]
          const dtype = type.kind === 'scalar' ? COLUMN_TYPES[type.type] : undefined
          return (cells ?? []).map((cell) =>
            dtype === 'float32' ? Math.fround(Number(cell)) : cell,
          )
        })
      : columns.map(([, cells]) => cells)
  return Array.from({ length: rows }, (_, row) => ordered.map((cells) => cells[row] ?? null))
}

function feedsByName(contract: ModelContract, form: string, data: PyValue): NamedTensors {
  const columns = columnsOf(form, data) ?? []
  const feeds: Record<string, Tensor> = {}
  for (const { name, dtype, shape } of contract.inputs) {
    const cells = columns.find(([one]) => one === name)?.[1] ?? []
    const isColumnVector = form.startsWith('dataframe') && shape.length === 2
    const schema = contract.signature?.inputs
    const type =
      schema?.kind === 'tensors'
        ? schema.tensors.find((one) => one.name === name)?.dtype
        : undefined
    feeds[name] = tensorOf(isColumnVector ? cells.map((cell) => [cell]) : cells, type, dtype)
  }
  return feeds
}

function tensorOf(value: PyValue, declared: DType | undefined, dtype: DType): Tensor {
  const shape: number[] = []
  for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length)
  const leaves = ([value] as unknown[]).flat(Number.POSITIVE_INFINITY) as (number | bigint)[]
  const data = allocate(dtype, leaves.length)
  for (const [i, leaf] of leaves.entries()) {
    const single = declared === 'float32' ? Math.fround(Number(leaf)) : leaf
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(leaf)
    else data[i] = Number(single) as never
  }
  return { dtype, shape, data }
}
