import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Dtype, dtypeNamed, INT64 } from '../../../src/codec/python/dtype.ts'
import { numpyArray, toNestedList } from '../../../src/codec/python/numpy-array.ts'
import { castNumbers } from '../../../src/codec/python/numpy-cast.ts'
import { NdArray, type PyObject } from '../../../src/codec/python/python-object.ts'
import { pythonRepr, pythonText } from '../../../src/codec/python/python-text.ts'

function dtype(name: string): Dtype {
  const found = dtypeNamed(name)
  if (found === undefined) throw new Error(`No dtype ${name}`)
  return found
}

describe('numpyArray', () => {
  it.each<[string, PyObject, string, number[]]>([
    ['ints', [[1n, 2n]], 'int64', [1, 2]],
    ['an int beyond int64', [2n ** 63n], 'uint64', [1]],
    ['ints of both', [2n ** 63n, 1n], 'float64', [2]],
    ['an int beyond 64 bits', [2n ** 64n], 'object', [1]],
    ['ints and a float', [1n, 0.5], 'float64', [2]],
    ['booleans and ints', [true, 2n], 'int64', [2]],
    ['text and ints', ['a', 1n], '<U21', [2]],
    ['None', [1n, null], 'object', [2]],
    ['nothing', [], 'float64', [0]],
    ['a scalar', 1.5, 'float64', []],
  ])('infers %s', (_, value, name, shape) => {
    const array = numpyArray(value)
    expect([array.dtype.name, array.shape]).toEqual([name, shape])
  })

  it('gives nested lists back as they were', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    const round = fc.property(
      shapes,
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      (shape, base) => {
        const data = BigInt64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
          BigInt.asIntN(64, base + BigInt(i)),
        )
        const nested = toNestedList(new NdArray(INT64, shape, data))
        const again = numpyArray(nested)
        expect([again.dtype.name, again.shape, again.data]).toEqual(['int64', shape, data])
      },
    )
    fc.assert(round)
  })

  it.each<[PyObject, string]>([
    [[[1n, 2n], [3n]], '1 dimensions. The detected shape was (2,) + inhomogeneous part.'],
    [[1n, [2n]], '1 dimensions. The detected shape was (2,) + inhomogeneous part.'],
    [
      [
        [[1n], [2n, 3n]],
        [[1n], [2n]],
      ],
      '2 dimensions. The detected shape was (2, 2) + inhomogeneous part.',
    ],
  ])('refuses ragged lists', (value, words) => {
    expect(() => numpyArray(value)).toThrow(words)
  })

  it('keeps integers within the bounds of their type', () => {
    expect(() => numpyArray([256n], dtype('uint8'))).toThrow(
      'Python integer 256 out of bounds for uint8',
    )
    expect(() => numpyArray([2n ** 63n], dtype('int64'))).toThrow(
      'Python int too large to convert to C long',
    )
    expect(numpyArray([1.9, '2', true], dtype('int8')).data).toEqual(Int8Array.of(1, 2, 1))
  })
})

describe('castNumbers', () => {
  it('wraps integers as typed arrays do', () => {
    const cast = fc.property(fc.bigInt64Array({ maxLength: 8 }), (data) => {
      const from = new NdArray(INT64, [data.length], data)
      expect(castNumbers(from, dtype('int32')).data).toEqual(
        Int32Array.from(data, (v) => Number(BigInt.asIntN(32, v))),
      )
      expect(castNumbers(from, dtype('uint8')).data).toEqual(
        Uint8Array.from(data, (v) => Number(BigInt.asUintN(8, v))),
      )
      expect(castNumbers(from, dtype('uint64')).data).toEqual(
        new BigUint64Array(data.slice().buffer),
      )
    })
    fc.assert(cast)
  })

  it('truncates floats, and gives the least integer for those that do not fit', () => {
    const from = new NdArray(dtype('float64'), [3], Float64Array.of(-1.9, 1e10, 1e20))
    expect(castNumbers(from, dtype('int32')).data).toEqual(
      Int32Array.of(-1, -(2 ** 31), -(2 ** 31)),
    )
    expect(castNumbers(from, INT64).data).toEqual(
      BigInt64Array.of(-1n, 10_000_000_000n, -(2n ** 63n)),
    )
  })

  it.each<[string, readonly unknown[]]>([
    ['int8', [0, 0, 0]],
    ['uint16', [0, 0, 0]],
    ['int32', [-(2 ** 31), -(2 ** 31), -(2 ** 31)]],
    ['uint32', [0, 0, 0]],
    ['int64', [-(2n ** 63n), -(2n ** 63n), -(2n ** 63n)]],
    ['uint64', [2n ** 63n, 0n, 2n ** 63n]],
  ])('gives %s for NaN and the infinities as x86-64 does for one value', (name, expected) => {
    const data = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    const from = new NdArray(dtype('float64'), [3], data)
    expect([...castNumbers(from, dtype(name)).data]).toEqual(expected)
  })
})

describe('what Python prints', () => {
  it.each<[PyObject, string]>([
    [null, 'None'],
    [true, 'True'],
    [10n ** 20n, '100000000000000000000'],
    [1e16, '1e+16'],
    ["it's", `"it's"`],
    ['\u00e9\n\u200b', `'é\\n\\u200b'`],
    [Uint8Array.of(0x61, 0x27, 0xff), `b"a'\\xff"`],
    [[1n, 'a', new Map([['k', 0.5]])], "[1, 'a', {'k': 0.5}]"],
    [numpyArray([1.5, 2], dtype('float32')), 'array([1.5, 2. ], dtype=float32)'],
    [
      numpyArray([
        [1n, -20n],
        [300n, 4n],
      ]),
      'array([[  1, -20],\n       [300,   4]])',
    ],
    [numpyArray([1e-5, 1.25]), 'array([1.00e-05, 1.25e+00])'],
    [numpyArray([Number.NaN, -1.5]), 'array([ nan, -1.5])'],
    [numpyArray([true, false]), 'array([ True, False])'],
    [numpyArray(['a', 'bc']), "array(['a', 'bc'], dtype='<U2')"],
    [numpyArray([]), 'array([], dtype=float64)'],
  ])('is the repr of a value', (value, text) => {
    expect(pythonRepr(value)).toBe(text)
  })

  it('summarises large arrays', () => {
    const large = new NdArray(
      INT64,
      [2000],
      BigInt64Array.from({ length: 2000 }, (_, i) => BigInt(i)),
    )
    expect(pythonText(large)).toBe('[   0    1    2 ... 1997 1998 1999]')
  })
})
