import fc, { type Arbitrary } from 'fast-check'

/** One edit of a body: at a place given as a fraction of its length. */
interface Change {
  readonly at: number
  readonly kind: 'cut' | 'insert' | 'replace' | 'repeat' | 'end'
  readonly byte: number
}

const SIGNIFICANT = [...Buffer.from('{}[]",:0123456789-+.eEnulltrfasN\\/ \t\n\x00\x7f')]

const change: Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  kind: fc.constantFrom('cut', 'insert', 'replace', 'repeat', 'end'),
  byte: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...SIGNIFICANT) },
    { weight: 1, arbitrary: fc.nat({ max: 255 }) },
  ),
})

function apply(body: Buffer, { at, kind, byte }: Change): Buffer {
  const place = Math.floor(at * body.length)
  const before = body.subarray(0, place)
  const after = body.subarray(place)
  switch (kind) {
    case 'cut':
      return Buffer.concat([before, after.subarray(1)])
    case 'insert':
      return Buffer.concat([before, Buffer.of(byte), after])
    case 'replace':
      return Buffer.concat([before, Buffer.of(byte), after.subarray(1)])
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, 4), after])
    case 'end':
      return Buffer.from(before)
  }
}

/** The body with a few bytes changed. */
export function changed(body: Arbitrary<Buffer>): Arbitrary<Buffer> {
  return fc
    .tuple(body, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([bytes, changes]) => changes.reduce(apply, bytes))
}

/** Text in one of the encodings of Unicode, with or without a byte order mark. */
export function encoded(text: Arbitrary<string>): Arbitrary<Buffer> {
  const encoders: readonly ((it: string) => Buffer)[] = [
    (it) => Buffer.from(`\ufeff${it}`),
    (it) => Buffer.from(it, 'utf16le'),
    (it) => Buffer.from(`\ufeff${it}`, 'utf16le'),
    (it) => Buffer.from(it, 'utf16le').swap16(),
    (it) => Buffer.from(`\ufeff${it}`, 'utf16le').swap16(),
    (it) => utf32(it),
    (it) => utf32(`\ufeff${it}`).swap32(),
    (it) => Buffer.from(it, 'latin1'),
  ]
  return fc.tuple(text, fc.constantFrom(...encoders)).map(([it, encode]) => encode(it))
}

function utf32(text: string): Buffer {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0)
  const bytes = Buffer.alloc(points.length * 4)
  for (const [i, point] of points.entries()) bytes.writeUInt32LE(point, i * 4)
  return bytes
}
