import { describe, expect, it } from 'vitest'
import { mediaType } from '../../../src/codec/mlflow/content-type.ts'
import { ServingError } from '../../../src/errors.ts'

function refusal(header: string | undefined): string {
  try {
    return mediaType(header)
  } catch (error) {
    if (error instanceof ServingError) return `${error.status} ${error.message}`
    throw error
  }
}

describe('mediaType', () => {
  it.each([
    ['application/json', 'application/json'],
    ['text/csv', 'text/csv'],
    ['application/vnd.apache.parquet', 'application/vnd.apache.parquet'],
    ['application/json; charset=utf-8', 'application/json'],
    [' application/json ;charset=UTF-8', 'application/json'],
    ['text/csv; charset=latin-1; charset=utf-8', 'text/csv'],
  ])('takes %j for %s', (header, media) => {
    expect(mediaType(header)).toBe(media)
  })

  it.each([
    ['application/json; charset=latin-1', /^415 The scoring server only supports UTF-8$/],
    ['application/json; charset="utf-8"', /^415 The scoring server only supports UTF-8$/],
    ['application/json;', /^415 Unrecognized content type parameters: \. IMPORTANT: /],
    ['application/json; Charset=utf-8', /parameters: Charset\. IMPORTANT: /],
    ['application/json; b=1; a=2', /parameters: a, b\. IMPORTANT: /],
    ['Application/JSON', /^415 This predictor only supports .* Got 'Application\/JSON'\.$/],
    ['', /Got ''\.$/],
    [undefined, /^415 .* Got no Content-Type header\.$/],
  ])('refuses %j', (header, words) => {
    expect(refusal(header)).toMatch(words)
  })
})
