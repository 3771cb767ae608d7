import { describe, expect, it } from 'vitest'
import {
  bytes,
  duration,
  flag,
  oneOf,
  url,
  wholeNumber,
  words,
} from '../../src/config/setting-types.ts'

describe('duration', () => {
  it.each([
    ['250ms', 250],
    ['5s', 5000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['60', 60_000],
  ])('reads %s as %d milliseconds', (text, ms) => {
    expect(duration()(text)).toBe(ms)
  })

  it.each(['', 'soon', '-1s', '5 weeks', '1e3', '600h'])('refuses %j', (text) => {
    expect(() => duration()(text)).toThrow(/expected a duration/)
  })

  it('names the least it takes', () => {
    expect(() => duration(50)('10ms')).toThrow('expected a duration of at least 50ms')
  })
})

describe('bytes', () => {
  it.each([
    ['1048576', 2 ** 20],
    ['64MiB', 64 * 2 ** 20],
    ['10GB', 10e9],
    ['1.5KiB', 1536],
    ['512 kb', 512_000],
  ])('reads %s', (text, size) => {
    expect(bytes(text)).toBe(size)
  })

  it.each(['', 'big', '-1', '5 parsecs'])('refuses %j', (text) => {
    expect(() => bytes(text)).toThrow(/expected a size/)
  })
})

describe('wholeNumber', () => {
  it('takes its bounds', () => {
    expect([wholeNumber(0, 65_535)('0'), wholeNumber(0, 65_535)('65535')]).toEqual([0, 65_535])
  })

  it.each(['65536', '-1', '1.0', '1e3', '', 'x'])('refuses %j', (text) => {
    expect(() => wholeNumber(0, 65_535)(text)).toThrow('expected a whole number from 0 to 65535')
  })
})

describe('flag', () => {
  it.each([
    ['true', true],
    ['1', true],
    ['FALSE', false],
    ['off', false],
  ])('reads %s as %s', (text, value) => {
    expect(flag(text)).toBe(value)
  })

  it('refuses anything else', () => {
    expect(() => flag('maybe')).toThrow('expected true or false')
  })
})

describe('oneOf', () => {
  it('names its choices', () => {
    expect(() => oneOf('auto', 'path')('virtual')).toThrow('expected one of auto, path')
  })
})

describe('words', () => {
  it('splits at commas and white space', () => {
    expect(words('a, b\n c')).toEqual(['a', 'b', 'c'])
  })
})

describe('url', () => {
  it.each(['minio:9000', 's3://bucket', 'http//x'])('refuses %s', (text) => {
    expect(() => url(text)).toThrow('expected an http:// or https:// URL')
  })
})
