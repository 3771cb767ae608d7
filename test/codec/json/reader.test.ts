import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSyntaxError } from '../../../src/codec/json/json-syntax-error.ts'
import type { PyValue } from '../../../src/codec/json/py-value.ts'
import { readJson } from '../../../src/codec/json/reader.ts'
import { writeJson } from '../../../src/codec/json/writer.ts'

/** A value as `json_bodies.py` records it. */
type Recorded =
  | null
  | boolean
  | readonly Recorded[]
  | { readonly str: string }
  | { readonly int: string }
  | { readonly float: string }
  | { readonly dict: readonly (readonly [string, Recorded])[] }

interface RecordedCase {
  readonly body: string
  readonly value?: Recorded
  readonly error?: string
  readonly message?: string
  readonly at?: readonly number[]
  readonly args?: readonly (string | number)[]
}

const cases: readonly RecordedCase[] = JSON.parse(
  readFileSync(new URL('../../fixtures/python/json-bodies.json', import.meta.url), 'utf8'),
)

const read = (body: Uint8Array | string, maxDepth = 1000) =>
  readJson(Buffer.from(body), { maxDepth })

function failure(body: Uint8Array | string, maxDepth?: number): JsonSyntaxError {
  try {
    read(body, maxDepth)
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error
    throw error
  }
  throw new Error('read without an error')
}

function revived(value: Recorded): PyValue {
  if (value === null || typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map(revived)
  const tagged = value as Exclude<Recorded, null | boolean | readonly Recorded[]>
  if ('str' in tagged) return tagged.str
  if ('int' in tagged) return integer(tagged.int)
  if ('float' in tagged) return float(tagged.float)
  return new Map(tagged.dict.map(([key, item]) => [key, revived(item)]))
}

function integer(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}

function float(text: string): number {
  return Number(text.replace('inf', 'Infinity'))
}

describe('a body that json.loads reads', () => {
  it.each(cases.filter((one) => one.error === undefined))('$body', ({ body, value }) => {
    expect(read(Buffer.from(body, 'hex'))).toStrictEqual(revived(value ?? null))
  })
})

describe('a body that json.loads refuses', () => {
  it('is covered by some hundred recorded ones', () => {
    expect(cases.filter((one) => one.error !== undefined).length).toBeGreaterThan(300)
  })

  it.each(cases.filter((one) => one.error === 'JSONDecodeError'))('$body', (recorded) => {
    const { message, fault } = failure(Buffer.from(recorded.body, 'hex'))
    const [line, column, position] = recorded.at ?? []
    expect(message).toBe(recorded.message)
    expect(fault).toEqual({ kind: 'syntax', line, column, position })
  })

  it.each(cases.filter((one) => one.error === 'UnicodeDecodeError'))('$body', (recorded) => {
    const { message, fault } = failure(Buffer.from(recorded.body, 'hex'))
    const [encoding, start, end, reason] = recorded.args ?? []
    expect(message).toBe(recorded.message)
    expect(fault).toMatchObject({ kind: 'encoding', encoding, start, end, reason })
  })

  it.each(cases.filter((one) => one.error === 'ValueError'))('$body', (recorded) => {
    const { message, fault } = failure(Buffer.from(recorded.body, 'hex'))
    expect(message).toBe(recorded.message)
    expect(fault.kind).toBe('digits')
  })

  it('shows the bytes that were decoded, without the byte order mark of UTF-8', () => {
    const { fault } = failure(Buffer.from('efbbbf31ff', 'hex'))
    expect(fault).toMatchObject({ object: Buffer.from('31ff', 'hex') })
  })
})

describe('numbers', () => {
  it('keeps int and float tokens apart', () => {
    expect(read('[1, 1.0, -0, -0.0, 1e0]')).toStrictEqual([1n, 1, 0n, -0, 1])
  })

  it('keeps integers of up to 4300 digits exact', () => {
    const digits = '9'.repeat(4300)
    expect(read(digits)).toBe(BigInt(digits))
    expect(failure(`-${digits}9`).fault).toEqual({ kind: 'digits', digits: 4301 })
  })

  it('reads each finite double back from any of its spellings', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const text of [
          value.toExponential(),
          value.toExponential(20),
          value.toPrecision(17),
        ]) {
          const token = /[.e]/.test(text) ? text : `${text}.0`
          expect(read(token)).toBe(Number(text))
        }
      }),
    )
  })

  it('reads any integer', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(read(`${value}`)).toBe(value)
      }),
    )
  })
})

describe('objects', () => {
  it('keeps the last of several equal keys, at the place of the first', () => {
    const value = read('{"a": 1, "b": 2, "a": 3}')
    expect([...(value as ReadonlyMap<string, PyValue>)]).toEqual([
      ['a', 3n],
      ['b', 2n],
    ])
  })

  it('takes __proto__ for a name like any other', () => {
    expect(read('{"__proto__": 1}')).toEqual(new Map([['__proto__', 1n]]))
  })
})

describe('nesting', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

  it('is read up to the limit, over lists and objects together', () => {
    expect(() => read(nested(1000))).not.toThrow()
    expect(failure(nested(1001)).fault).toEqual({ kind: 'depth', maxDepth: 1000 })
    expect(failure('[{"a": [1]}]', 2).fault).toEqual({ kind: 'depth', maxDepth: 2 })
  })

  it('is refused before the stack ends, whatever the limit', () => {
    expect(failure(nested(1_000_000), 1e9).fault.kind).toBe('depth')
  })

  it('does not matter where the levels lie side by side', () => {
    expect(read(`[${nested(900)}, ${nested(900)}]`)).toHaveLength(2)
  })
})

describe('all other values', () => {
  /** JSON.parse's value as Python has it; numbers with a fraction only, as JSON.parse cannot tell 1 from 1.0. */
  const asPython = (value: unknown): PyValue => {
    if (Array.isArray(value)) return value.map(asPython)
    if (typeof value !== 'object' || value === null) return value as PyValue
    return new Map(Object.entries(value).map(([key, item]) => [key, asPython(item)]))
  }
  const halves = fc.integer({ min: -1e6, max: 1e6 }).map((value) => value + 0.5)
  const text = fc.string({ unit: 'binary' })
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constant(null),
      fc.boolean(),
      halves,
      text,
      fc.array(tie('tree')),
      fc.dictionary(
        text.map((key) => `k${key}`),
        tie('tree'),
        { noNullPrototype: true },
      ),
    ),
  }))

  it('agree with JSON.parse, however they are laid out', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom('', ' ', '\t', '\r\n'), (value, indent) => {
        const body = JSON.stringify(value, null, indent)
        expect(read(body)).toStrictEqual(asPython(JSON.parse(body)))
      }),
    )
  })

  it('come back from what the writer wrote, in every encoding', () => {
    const encoding = fc.constantFrom('utf8', 'utf16le', 'latin1') as fc.Arbitrary<BufferEncoding>
    fc.assert(
      fc.property(tree, encoding, (value, chosen) => {
        const python = asPython(JSON.parse(JSON.stringify(value)))
        const body = Buffer.from(writeJson(python, { strict: true }), chosen)
        expect(readJson(body, { maxDepth: 1000 })).toStrictEqual(python)
      }),
    )
  })

  it('never fail in another way than with a JsonSyntaxError', () => {
    const fragments = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"',
        '1',
        '-',
        '.',
        'e',
        'null',
        '\\',
        ' ',
      ),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fragments.map((parts) => Buffer.from(parts.join(''))),
        ),
        (body) => {
          try {
            readJson(body, { maxDepth: 100 })
          } catch (error) {
            expect(error).toBeInstanceOf(JsonSyntaxError)
          }
        },
      ),
    )
  })
})

describe('hostile bodies', () => {
  it('end at once: a very long integer, a very long fraction, a very long string', () => {
    const million = '7'.repeat(1_000_000)
    expect(failure(million).fault).toEqual({ kind: 'digits', digits: 1_000_000 })
    expect(read(`0.${million}`)).toBeCloseTo(7 / 9)
    expect(read(`"${million}"`)).toBe(million)
    expect(failure(`"${million}`).message).toBe(
      'Unterminated string starting at: line 1 column 1 (char 0)',
    )
  })
})
