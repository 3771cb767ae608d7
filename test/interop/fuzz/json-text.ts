import fc, { type Arbitrary } from 'fast-check'

/** Arbitraries of JSON text, not of values: `1` and `1.0`, NaN, escapes and blanks are what is tried. */
export type JsonText = string

const INTEGER_LIMITS: readonly JsonText[] = [
  ...['127', '128', '-128', '-129', '255', '256', '32767', '32768', '65535', '65536'],
  ...['2147483647', '2147483648', '-2147483648', '-2147483649', '4294967295', '4294967296'],
  ...['9007199254740993', '-9007199254740993', '9223372036854775807', '9223372036854775808'],
  ...['-9223372036854775808', '-9223372036854775809', '18446744073709551615'],
  ...['18446744073709551616', '123456789012345678901234567890', '-0'],
]
const FLOAT_EDGES: readonly JsonText[] = [
  ...['0.0', '-0.0', '1.0', '-1.0', '2.0', '0.1', '1.9', '-1.9', '1e5', '1E-5', '1e+16', '1e16'],
  ...[
    '1e22',
    '1e23',
    '1e39',
    '3.4028235677973366e38',
    '1e-45',
    '7e-46',
    '5e-324',
    '2e-324',
    '1e308',
  ],
  ...['1e400', '-1e400', '65519.0', '65520.0', '6e-8', '0e99', '2147483648.0', '1e10', '1e20'],
  ...['0.1000000000000000055511151231257827', '9007199254740993.0', '2.2250738585072011e-308'],
  ...['179769313486231570814527423731704356798070e267', '123456789.123456789', '8.41e21', '5e-1'],
]

/** How a client fills a request: as the model's signature asks, or with what else it may have. */
export type Care = 'careful' | 'careless'

export const smallInteger: Arbitrary<JsonText> = fc.integer({ min: -9, max: 9 }).map(String)

export const integerToken: Arbitrary<JsonText> = fc.oneof(
  { weight: 5, arbitrary: smallInteger },
  { weight: 2, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 66n), 2n ** 66n).map(String) },
  { weight: 2, arbitrary: fc.constantFrom(...INTEGER_LIMITS) },
)

export const int32Token: Arbitrary<JsonText> = fc.oneof(
  { weight: 3, arbitrary: smallInteger },
  { weight: 1, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.constantFrom('2147483647', '-2147483648', '-0', '255') },
)
export const int64Token: Arbitrary<JsonText> = fc.oneof(
  { weight: 3, arbitrary: int32Token },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String) },
)

/** Shortest decimal text of a double, always with a point or an exponent. */
function floatText(value: number): JsonText {
  const text = Object.is(value, -0) ? '-0.0' : String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

export const floatToken: Arbitrary<JsonText> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -80, max: 80 }).map((n) => floatText(n / 8)) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(floatText) },
  {
    weight: 1,
    arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }).map(floatText),
  },
  { weight: 2, arbitrary: fc.constantFrom(...FLOAT_EDGES) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer(), fc.bigInt(0n, 10n ** 25n), fc.integer({ min: -330, max: 330 }))
      .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`),
  },
)

export const nonFiniteToken: Arbitrary<JsonText> = fc.constantFrom('NaN', 'Infinity', '-Infinity')
export const booleanToken: Arbitrary<JsonText> = fc.constantFrom('true', 'false')
export const nullToken: Arbitrary<JsonText> = fc.constant('null')

const NUMBER_LIKE: readonly string[] = [
  ...['3', '-4', '3.5', '1e3', ' 7 ', '1_000', '+3', '0x1', '', 'nan', 'NaN', '-Infinity', 'inf'],
  ...[
    'True',
    'false',
    '99999999999999999999',
    '2147483648',
    '300',
    '\u0663',
    '1,5',
    '.5',
    '5.',
    '١٢',
  ],
]
const DATE_LIKE: readonly string[] = [
  ...[
    '2024-01-02',
    '2024-01-02T03:04:05',
    '2024-01-02 03:04:05.123456',
    '2024-13-01',
    '2024',
    '2024-02',
  ],
  ...[
    '2024-01-02T03:04:05Z',
    '2024-01-02T03:04:05+02:00',
    '01/02/2024',
    'Jan 2 2024',
    'NaT',
    'nope',
  ],
  ...[
    '1600-01-01',
    '2300-01-01',
    '2024-01-02T03:04:05.123456789',
    '20240102',
    '2024-02-30',
    '12:34',
  ],
]
const DATES: readonly (readonly string[])[] = [
  ['2024-01-02', '1969-12-31', '2262-04-11', '1700-02-28'],
  ['2024-01-02T03:04:05', '1969-12-31T23:59:59', '2000-02-29T00:00:00'],
  ['2024-01-02 03:04:05.123456', '1999-12-31 23:59:59.000001'],
  ['2024-01-02T03:04:05.123456789', '1999-12-31T23:59:59.000000001'],
  ['2024-01-02T03:04:05.5'],
]
const BASE64_LIKE: readonly string[] = ['aGk=', 'aGVsbG8=', 'aGk', 'a', '', 'aG k=', '!!', '////']

/** A JSON string: plain, or with everything else escaped. */
function quoted(text: string): JsonText {
  return JSON.stringify(text)
}
function escaped(text: string): JsonText {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}

/** Letters and signs of many scripts. Which ones Python prints as they are depends on its version of Unicode: these are old. */
const foreign = fc.constantFrom(
  ...[
    'é',
    'ß',
    'Ω',
    'ж',
    'ع',
    'ก',
    '中',
    'ひ',
    '한',
    '€',
    '—',
    '😀',
    '𝔸',
    'e\u0301',
    '\u00a0',
    '\u200b',
    '\ue000',
  ],
)
const words = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 8 }) },
  { weight: 2, arbitrary: fc.constantFrom('x', 'y z', 'é', '中', '😀', "it's", 'a"b', 'a\nb\tc') },
  { weight: 1, arbitrary: fc.string({ unit: foreign, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom('a\0b\0', '\u007f', '\u2028', 'x'.repeat(60)) },
)

const wordToken: Arbitrary<JsonText> = fc.oneof(
  { weight: 6, arbitrary: words.map(quoted) },
  { weight: 1, arbitrary: words.map(escaped) },
)
const loneSurrogateToken: Arbitrary<JsonText> = fc.constantFrom('"\\ud800"', '"a\\udc00b"')
export const numberLikeToken: Arbitrary<JsonText> = fc.constantFrom(...NUMBER_LIKE).map(quoted)
export const dateLikeToken: Arbitrary<JsonText> = fc.constantFrom(...DATE_LIKE).map(quoted)
/** Dates of one format each, as a column of them has. */
export const dateTokens: readonly Arbitrary<JsonText>[] = DATES.map((dates) =>
  fc.constantFrom(...dates).map(quoted),
)
export const validBase64Token: Arbitrary<JsonText> = fc
  .uint8Array({ maxLength: 70 })
  .map((bytes) => quoted(Buffer.from(bytes).toString('base64')))
const base64Token: Arbitrary<JsonText> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...BASE64_LIKE).map(quoted) },
  { weight: 2, arbitrary: validBase64Token },
)

export const stringToken: Arbitrary<JsonText> = fc.oneof(
  { weight: 6, arbitrary: wordToken },
  { weight: 2, arbitrary: numberLikeToken },
  { weight: 1, arbitrary: dateLikeToken },
  { weight: 1, arbitrary: base64Token },
)

/** Any scalar, the unlikely ones among them. */
export const scalarToken: Arbitrary<JsonText> = fc.oneof(
  { weight: 4, arbitrary: integerToken },
  { weight: 4, arbitrary: floatToken },
  { weight: 4, arbitrary: stringToken },
  { weight: 2, arbitrary: booleanToken },
  { weight: 2, arbitrary: nullToken },
  { weight: 1, arbitrary: nonFiniteToken },
  { weight: 1, arbitrary: loneSurrogateToken },
)

export function listText(items: readonly JsonText[]): JsonText {
  return `[${items.join(', ')}]`
}

export function objectText(
  entries: readonly (readonly [key: string, value: JsonText])[],
): JsonText {
  return `{${entries.map(([key, value]) => `${quoted(key)}: ${value}`).join(', ')}}`
}

/** Any JSON value up to a few levels. */
export const anyToken: Arbitrary<JsonText> = fc.letrec<{ value: JsonText }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: scalarToken },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }).map(listText) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom('a', 'b', 'k', 'é', ''), tie('value')), { maxLength: 3 })
        .map(objectText),
    },
  ),
})).value
