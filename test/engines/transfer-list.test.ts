import { describe, expect, it } from 'vitest'
import { transferList } from '../../src/engines/transfer-list.ts'
import type { Tensor, TensorData } from '../../src/model/tensor.ts'

const tensor = (data: TensorData): Tensor => ({ dtype: 'float32', shape: [data.length], data })

describe('transferList', () => {
  it('hands over the buffers of large tensors', () => {
    const [a, b] = [new Float32Array(1024), new BigInt64Array(512)]
    expect(transferList({ a: tensor(a), b: tensor(b) })).toEqual([a.buffer, b.buffer])
  })

  it('leaves small tensors to be copied, and text', () => {
    expect(transferList({ a: tensor(new Float32Array(1023)), s: tensor(['text']) })).toEqual([])
  })

  it('names a buffer once that holds several tensors', () => {
    const buffer = new ArrayBuffer(4096)
    const a = tensor(new Float32Array(buffer, 0, 512))
    const b = tensor(new Float32Array(buffer, 2048, 512))
    expect(transferList({ a, b })).toEqual([buffer])
  })

  it('hands over a request body of which the tensors are the most', () => {
    const body = new ArrayBuffer(5000)
    expect(transferList({ a: tensor(new Float32Array(body, 904, 1024)) })).toEqual([body])
  })

  it('keeps a buffer that holds mostly something else', () => {
    const pool = new ArrayBuffer(65_536)
    expect(transferList({ a: tensor(new Float32Array(pool, 0, 1024)) })).toEqual([])
  })
})
