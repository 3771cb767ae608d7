import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERROR_TABLE, ServingError } from '../src/errors.ts'

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
const documented = [
  ...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| `([A-Z_]+)` \| (yes|no) \| .+ \|$/gm),
].map(([, code, status, mlflowCode, retry]) => ({
  code,
  status: Number(status),
  mlflowCode,
  retryable: retry === 'yes',
}))

describe('docs/errors.md', () => {
  it('has one row for each code of the table, and none besides', () => {
    const table = Object.entries(ERROR_TABLE).map(([code, row]) => ({ code, ...row }))
    expect(documented).toEqual(table)
  })
})

describe('ServingError', () => {
  it('takes its status from the table', () => {
    expect(new ServingError('QUEUE_FULL', 'full').status).toBe(429)
  })

  it('keeps what it wraps as the cause and takes over its message', () => {
    const cause = new TypeError('boom')
    const error = ServingError.from(cause)
    expect(error).toMatchObject({ code: 'INTERNAL', message: 'boom', cause })
  })

  it('leaves a ServingError as it is', () => {
    const error = new ServingError('MODEL_NOT_READY', 'loading')
    expect(ServingError.from(error, 'LOAD_FAILED')).toBe(error)
  })
})
