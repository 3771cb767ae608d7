import type { RecordedCase } from './recorded.ts'
import type { Answer } from './replay.ts'

/** MLflow's text without the request's data, which Baton does not send back. */
export function normalize(body: string): string {
  if (!body.startsWith('{"error_code"')) return body
  const parsed = JSON.parse(body)
  let message: string = parsed.message
  message = message.replace(
    /^Failed to predict data '[\s\S]*?'\. \nError: /,
    'Failed to predict data. \nError: ',
  )
  message = message.replace(
    /Failed to enforce schema of data '[\s\S]*' with schema '/,
    "Failed to enforce schema of data with schema '",
  )
  message = message.replace(
    /(Ensure that input is a valid JSON formatted string\. Error: '[\s\S]*')\nInput: \n[\s\S]*$/,
    '$1',
  )
  message = message.replace(
    /UnicodeDecodeError\('([^']*)', b(?:'[\s\S]*'|"[\s\S]*"), (\d+), (\d+), /,
    "UnicodeDecodeError('$1', $2, $3, ",
  )
  return JSON.stringify({ ...parsed, message })
}

export function compare(recorded: RecordedCase, answer: Answer): string | undefined {
  const expected = recorded.response ?? ''
  if (recorded.status === answer.status && expected === answer.body) return 'same'
  if (recorded.status !== answer.status) return undefined
  if (recorded.status === 200 || recorded.status === 415) return undefined
  const ours = answer.body.startsWith('{')
    ? JSON.stringify(traceless(JSON.parse(answer.body)))
    : answer.body
  return normalize(expected) === ours ? 'echo' : undefined
}

function traceless(body: Record<string, string>): Record<string, string> {
  return 'stack_trace' in body ? { ...body, stack_trace: '<stack_trace>' } : body
}
