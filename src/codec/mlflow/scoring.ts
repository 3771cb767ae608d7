import {
  allocate,
  elementCount,
  type NamedTensors,
  type Tensor,
  type TensorSpec,
} from '../../model/tensor.ts'
import type { PyValue } from '../json/py-value.ts'
import type { MediaType } from './content-type.ts'
import { type Envelope, openEnvelope } from './envelope.ts'
import type { AnswerForm, CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { badRequest, invalidInput, unexpected } from './refusal.ts'

/** Reads the requests of one version and writes its answers, as MLflow's scoring server does. */
export interface ScoringCodec {
  /**
   * Reads a body. A promise only for Parquet.
   * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE, all for `errorAnswer`.
   */
  decode(media: MediaType, body: Uint8Array): Invocation | Promise<Invocation>
  /**
   * The whole body of the answer.
   * @throws ServingError OUTPUT_NOT_ENCODABLE in strict JSON; INVALID_REQUEST where the wrapper cannot build its frame.
   */
  encode(answer: AnswerForm, outputs: NamedTensors): string | Uint8Array
}

export function createScoringCodec(contract: ModelContract, options: CodecOptions): ScoringCodec {
  return {
    decode(media, body) {
      if (media !== 'application/json') throw badRequest(`${media} bodies cannot be read yet`)
      return decodeJson(contract, body)
    },
    encode: (answer, outputs) => encode(contract, options, answer, outputs),
  }
}

function decodeJson(contract: ModelContract, body: Uint8Array): Invocation {
  let value: PyValue
  try {
    value = JSON.parse(new TextDecoder().decode(body), revive)
  } catch {
    throw invalidInput('Ensure that input is a valid JSON formatted string.')
  }
  const envelope = openEnvelope(value, contract.signature)
  const layout =
    contract.signature?.inputs?.kind === 'columns' || envelope.format.startsWith('dataframe')
      ? 'records'
      : 'dict'
  return {
    feeds: feeds(contract, envelope),
    answer: { layout, wrapped: envelope.format !== 'unwrapped' },
  }
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return new Map(Object.entries(value))
  return value
}

function feeds(contract: ModelContract, envelope: Envelope): NamedTensors {
  const first = contract.inputs[0]
  let data: PyValue = envelope.data
  if (envelope.format === 'dataframe_split' && data instanceof Map) data = data.get('data') ?? null
  if (envelope.format === 'dataframe_records' && Array.isArray(data)) {
    data = data.map((row) => (row instanceof Map ? [...row.values()] : row))
  }
  if (data instanceof Map) {
    const dict = data
    return Object.fromEntries(
      contract.inputs.map((spec) => [spec.name, tensor(dict.get(spec.name) ?? null, spec)]),
    )
  }
  if (first === undefined) throw unexpected('The model has no input')
  return { [first.name]: tensor(data, first) }
}

function tensor(value: PyValue, spec: TensorSpec): Tensor {
  const shape: number[] = []
  for (let at = value; Array.isArray(at); at = at[0] ?? null) shape.push(at.length)
  const data = allocate(spec.dtype, elementCount(shape))
  let i = 0
  const fill = (item: PyValue): void => {
    if (Array.isArray(item)) item.forEach(fill)
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[i++] = BigInt(Number(item))
    else if (Array.isArray(data)) data[i++] = String(item)
    else data[i++] = Number(item)
  }
  fill(value)
  return { dtype: spec.dtype, shape, data }
}

function encode(
  contract: ModelContract,
  _options: CodecOptions,
  answer: AnswerForm,
  outputs: NamedTensors,
): string {
  const names = contract.outputs.map((output) => output.name)
  const lists = names.map((name) => {
    const output = outputs[name]
    if (output === undefined) throw unexpected(`The model gave no output '${name}'`)
    return answer.layout === 'records' ? { ...output, shape: [elementCount(output.shape)] } : output
  })
  const nested = lists.map((output) => nest(output, 0, { i: 0 }))
  if (answer.layout === 'dict') {
    const body = `{${names.map((name, i) => `${JSON.stringify(name)}: ${nested[i]}`).join(', ')}}`
    return answer.wrapped ? `{"predictions": ${body}}` : body
  }
  const rows = lists[0]?.shape[0] ?? 0
  const records = Array.from(
    { length: rows },
    (_, row) =>
      `{${lists.map((output, i) => `${JSON.stringify(names[i])}: ${text(output, row)}`).join(', ')}}`,
  )
  const body = `[${records.join(', ')}]`
  return answer.wrapped ? `{"predictions": ${body}}` : body
}

function nest(output: Tensor, axis: number, at: { i: number }): string {
  if (axis === output.shape.length) return text(output, at.i++)
  const parts = Array.from({ length: output.shape[axis] ?? 0 }, () => nest(output, axis + 1, at))
  return `[${parts.join(', ')}]`
}

function text(output: Tensor, i: number): string {
  const value = output.data[i]
  if (output.dtype === 'bool') return value ? 'true' : 'false'
  if (typeof value === 'string') return JSON.stringify(value)
  const float = output.dtype === 'float32' || output.dtype === 'float64'
  return float && Number.isInteger(value) ? `${value}.0` : String(value)
}
