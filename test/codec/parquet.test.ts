import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ParquetError, readParquet } from '../../src/codec/parquet.ts'
import { checkRuns } from '../../src/codec/parquet-runs.ts'
import { unpackPage } from '../../src/codec/parquet-unpack.ts'

const files: readonly { readonly name: string; readonly body: string }[] = JSON.parse(
  readFileSync(new URL('../fixtures/python/parquet-tables.json', import.meta.url), 'utf8'),
)

const bytesOf = (name: string) =>
  Buffer.from(files.find((file) => file.name === name)?.body ?? '', 'base64')

describe('a Parquet file', () => {
  it('is a table of exact values, with what pandas wrote beside them', async () => {
    const { columns, rows, pandas } = await readParquet(
      bytesOf('pandas with a column for an index'),
    )
    expect(rows).toBe(2)
    expect(columns).toEqual([
      { name: 'a', type: { kind: 'float', bits: 64 }, values: [1.5, 2.5] },
      { name: 'b', type: { kind: 'string' }, values: ['x', null] },
    ])
    expect(JSON.parse(pandas ?? '')).toMatchObject({ index_columns: ['b'] })
  })

  it('keeps integers and decimals that doubles do not hold', async () => {
    const [int64] = (await readParquet(bytesOf('int64, plain'))).columns
    expect(int64?.values).toEqual([-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n])
    const [decimal] = (await readParquet(bytesOf('wide decimal, dictionary, snappy'))).columns
    expect(decimal?.values[1]).toBe(-12345678901234567890123456780123456789n)
  })
})

describe('bytes that are no Parquet file', () => {
  it.each([
    ['', 'Parquet file size is 0 bytes'],
    ['PAR1', 'smaller than the minimum file footer (8 bytes)'],
    ['{"inputs": [[1]]}', 'Parquet magic bytes not found in footer'],
    ['PAR1PAR1', "smaller than the size reported by footer's (827474256bytes)"],
    ['PAR1????\x04\0\0\0PAR1', "Couldn't deserialize thrift"],
  ])('%j are refused in words of pyarrow', async (text, message) => {
    const error = await readParquet(Buffer.from(text, 'latin1')).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ParquetError)
    expect(error.message).toContain(message)
  })

  it('are refused, or read, whatever byte of a good file is another', async () => {
    const good = bytesOf('200 rows, plain')
    const damage = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(damage, async ([at, byte]) => {
        const damaged = Buffer.from(good)
        damaged[at] = byte
        const result = await readParquet(damaged).catch((error) => error)
        if (result instanceof Error) expect(result).toBeInstanceOf(ParquetError)
      }),
      { numRuns: 300 },
    )
  }, 30_000)

  it('are refused wherever a good file is cut', async () => {
    const good = bytesOf('string, plain')
    for (let length = 0; length < good.length; length += 7) {
      await expect(readParquet(good.subarray(0, length))).rejects.toBeInstanceOf(ParquetError)
    }
  })
})

describe('a page that would unpack to more than it says', () => {
  it('is refused before it is unpacked whole', () => {
    const zeros = gzipSync(Buffer.alloc(10_000_000))
    expect(() => unpackPage('GZIP', zeros, 100)).toThrow()
    expect(unpackPage('GZIP', gzipSync(Buffer.alloc(100)), 100)).toEqual(Buffer.alloc(100))
  })

  it('is refused for a Zstandard frame of many blocks that repeat one byte', () => {
    const repeated = Buffer.of(0xf2, 0xff, 0xff, 0)
    const frame = Buffer.concat([
      Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0),
      ...Array(1000).fill(repeated),
    ])
    expect(() => unpackPage('ZSTD', frame, 100)).toThrow('Expected a page of 100 bytes')
  })

  it('is refused for a run longer than the values it has', () => {
    const billion = Buffer.of(0x80, 0x94, 0xeb, 0xdc, 0x07, 1)
    expect(() => checkRuns(billion, 0, 1, 10)).toThrow('Expected a run of at most 10 values')
    expect(() => checkRuns(Buffer.of(20, 1), 0, 1, 10)).not.toThrow()
  })
})
