import { describe, expect, it } from 'vitest'
import { LastWords } from '../../../src/engines/trial/last-words.ts'

function lineOf(...chunks: string[]): string | undefined {
  const words = new LastWords()
  for (const chunk of chunks) words.add(chunk)
  return words.line
}

describe('the last words of a process', () => {
  it.each<[string, string, string | undefined]>([
    ['nothing', '', undefined],
    ['empty lines alone', '\n\n', undefined],
    ['one line', 'out of memory\n', 'out of memory'],
    ['the last of several', 'one\ntwo\n', 'two'],
    [
      "what C++ says, without the library's path",
      "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc in /opt/models/7/model.onnx\n",
      'what():  std::bad_alloc in model.onnx',
    ],
    [
      'an exception before its stack',
      '/app/dist/engines/x.js:3\n    throw new Error()\n\nTypeError: no such thing\n    at run (file:///app/x.js:3:9)\n    at node:internal/main:1:2\n\nNode.js v20.19.0\n',
      'TypeError: no such thing',
    ],
    [
      'the end of the heap before its native stack',
      'FATAL ERROR: Reached heap limit Allocation failed\n----- Native stack trace -----\n\n 1: 0xb7a node::OOMErrorHandler [node]\n 2: 0xef8 [node]\n',
      'FATAL ERROR: Reached heap limit Allocation failed',
    ],
    ['numbers and fractions', 'got 3/4 of N/A at 50 km/h\n', 'got 3/4 of N/A at 50 km/h'],
  ])('%s', (_, text, expected) => {
    expect(lineOf(text)).toBe(expected)
  })

  it('come in pieces', () => {
    expect(lineOf('first\nsec', 'ond\n')).toBe('second')
  })

  it('are short, whatever was written', () => {
    expect(lineOf('x'.repeat(1e6))).toHaveLength(300)
  })
})
