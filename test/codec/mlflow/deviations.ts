import type { RecordedCase } from './recorded.ts'
import type { Answer } from './replay.ts'

/** A way in which Baton answers otherwise than MLflow, on purpose. Its row in docs/mlflow-compatibility.md has the reason. */
export interface Deviation {
  readonly id: string
  /** Whether it accounts for our answer to a request that MLflow answered as recorded. */
  explains(recorded: RecordedCase, answer: Answer): boolean
}

/** Rules, not cases: each holds for any request of its kind. The narrow ones come first. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    id: 'head-ping',
    explains: ({ method, path = '', status }, answer) =>
      method === 'HEAD' &&
      /^\/(ping|%70ing|health|version)\b/.test(path) &&
      status === 405 &&
      answer.status === 200,
  },
  {
    id: 'own-version',
    explains: ({ path, method }, { status }) =>
      path === '/version' && method === 'GET' && status === 200,
  },
  {
    id: 'own-routes',
    explains: ({ path = '' }) => ['/metrics', '/openapi.json'].includes(path),
  },
  {
    id: 'unknown-method',
    explains: ({ method, status }, answer) =>
      method === 'BREW' && status === 405 && answer.status === 400,
  },
  {
    id: 'missing-content-type',
    explains: (recorded, answer) =>
      contentTypeOf(recorded) === undefined && isCrash(recorded) && answer.status === 415,
  },
  {
    id: 'data-not-echoed',
    explains: (recorded, answer) =>
      recorded.status === answer.status &&
      withoutData(recorded.response) === traceless(answer.body),
  },
  {
    id: 'long-message',
    explains: (recorded, { status, body }) =>
      recorded.status === status &&
      / more characters\)/.test(body) &&
      body.length < (recorded.response ?? '').length,
  },
  {
    id: 'nul-in-text',
    // Another input may not fit either: ONNX Runtime looks at that, and Baton at the text first.
    explains: (recorded, { status, body }) =>
      (recorded.status === 200 || isModelFailure(recorded)) &&
      status === 400 &&
      body.includes('Text with a NUL character'),
  },
  {
    id: 'surrogates-encoded-apart',
    explains: (recorded) => /\xed[\xa0-\xaf].\xed[\xb0-\xbf]./s.test(bodyText(recorded)),
  },
  {
    id: 'nesting',
    explains: (recorded, { status }) =>
      (isCrash(recorded) || /RecursionError/.test(recorded.response ?? '')) &&
      status === 400 &&
      depth(bodyText(recorded)) > 400,
  },
  {
    id: 'integer-digits',
    explains: (recorded, { status, body }) =>
      isCrash(recorded) && status === 400 && body.includes('Exceeds the limit (4300 digits)'),
  },
  {
    id: 'filled-frame',
    explains: (_, { status, body }) =>
      status === 400 && body.includes('cells of the data frame to be filled in'),
  },
  {
    id: 'body-limits',
    explains: (_, { status, body }) => status === 413 && body.includes('BATON_MAX_BODY_'),
  },
  {
    id: 'lengths-in-any-order',
    explains: (recorded, answer) =>
      /"instances"/.test(bodyText(recorded)) &&
      [recorded.response ?? '', answer.body].every((body) => UNEQUAL_LENGTHS.test(body)),
  },
  {
    id: 'many-columns',
    explains: (_, { status, body }) => status === 400 && body.includes('(BATON_MAX_COLUMNS)'),
  },
  {
    id: 'undefined-casts',
    explains: (recorded, answer) =>
      recorded.status === 200 &&
      answer.status === 200 &&
      mayExceedIntegers(recorded) &&
      differsInCasts(recorded.response ?? '', answer.body),
  },
  {
    id: 'one-of-several-columns',
    explains: (recorded, { status, body }) =>
      status === 400 &&
      failedType(recorded.response) !== undefined &&
      failedType(recorded.response) === failedType(body),
  },
  {
    id: 'pandas-types-in-parquet',
    explains: (recorded) =>
      recorded.status === 400 &&
      contentTypeOf(recorded) === 'application/vnd.apache.parquet' &&
      /safely convert category|cannot convert NA to integer/.test(recorded.response ?? ''),
  },
  {
    id: 'crash',
    explains: (recorded, { status }) => isCrash(recorded) && status >= 400 && status < 500,
  },
]

/** The two ways in which `instances` of unequal lengths are refused. */
const UNEQUAL_LENGTHS =
  /"Invalid input\. (The length of values for each|Ensure that the input .*TypeError\('len\(\) of unsized object'\)")/

/** Outputs that no Node binding of ONNX Runtime passes: such a model is refused when it is loaded. */
export const UNPASSABLE_OUTPUTS = 'unpassable-outputs'

/** What accounts for a difference; `same` where there is none, undefined where nothing does. */
export function explain(recorded: RecordedCase, answer: Answer): string | undefined {
  const same = recorded.status === answer.status && recorded.response === answer.body
  if (same) return 'same'
  return DEVIATIONS.find((deviation) => deviation.explains(recorded, answer))?.id
}

function contentTypeOf({ headers }: RecordedCase): string | undefined {
  if (headers === undefined) return 'application/json'
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
}

/** The type that some column could not be converted to. */
function failedType(body: string | undefined): string | undefined {
  return /Failed to convert column .*? to type '(.*?)'\. Error:/.exec(body ?? '')?.[1]
}

const INTEGER = /(?<![\d."])-?\d+(?![\d.e"])/g

/** What vector instructions give for a float that no unsigned integer of 32 or 64 bits holds. */
const CAST_RESULTS: ReadonlySet<string> = new Set(['0', '2147483648', '9223372036854775808'])

/** Whether the request can have NaN, or floats beyond 32 bits, for an integer tensor: only packed, or in a data frame's lists. */
function mayExceedIntegers(recorded: RecordedCase): boolean {
  if (contentTypeOf(recorded) === 'application/vnd.apache.parquet') return true
  const body = bodyText(recorded)
  return /"dataframe_(split|records)"/.test(body) && /\d{10}|\de\+?\d/i.test(body)
}

/** Whether the answers differ in integers alone, and there MLflow's are such results. */
function differsInCasts(theirs: string, ours: string): boolean {
  const ourIntegers = ours.match(INTEGER) ?? []
  const theirIntegers = theirs.match(INTEGER) ?? []
  const isCast = (integer: string, i: number) =>
    integer === ourIntegers[i] || CAST_RESULTS.has(integer)
  return (
    theirs.replaceAll(INTEGER, '') === ours.replaceAll(INTEGER, '') && theirIntegers.every(isCast)
  )
}

/** The model raised. */
function isModelFailure({ response = '' }: RecordedCase): boolean {
  return response.includes('Encountered an unexpected error while evaluating the model.')
}

/** Python raised, and nothing caught it. */
function isCrash({ status, response }: RecordedCase): boolean {
  return status === 500 && response === 'Internal Server Error'
}

function bodyText({ body, body_base64 }: RecordedCase): string {
  return body ?? Buffer.from(body_base64 ?? '', 'base64').toString('latin1')
}

function depth(text: string): number {
  return [...text].filter((char) => char === '[' || char === '{').length
}

/** MLflow's error with the request's data taken out of its message, as Baton writes it. */
function withoutData(response: string | undefined): string | undefined {
  if (!response?.startsWith('{"error_code"')) return undefined
  const error: Record<string, string> = JSON.parse(response)
  const message = error.message
    ?.replace(/^Failed to predict data '.*?'\. \nError: /s, 'Failed to predict data. \nError: ')
    .replace(
      /Failed to enforce schema of data '.*' with schema '/s,
      "Failed to enforce schema of data with schema '",
    )
    .replace(
      /(Ensure that input is a valid JSON formatted string\. Error: '.*')\nInput: \n.*$/s,
      '$1',
    )
    .replace(
      /UnicodeDecodeError\('([^']*)', b(?:'.*'|".*"), (\d+), /s,
      "UnicodeDecodeError('$1', $2, ",
    )
  return JSON.stringify({ ...error, message })
}

/** Our error with its stack trace as the recorded one has it. */
function traceless(body: string): string {
  if (!body.startsWith('{"error_code"')) return body
  const error: Record<string, string> = JSON.parse(body)
  return JSON.stringify('stack_trace' in error ? { ...error, stack_trace: '<stack_trace>' } : error)
}
