import { describe, expect, it } from 'vitest'
import { parseS3Uri, usesPathStyle } from '../../../src/artifacts/s3/s3-location.ts'

describe('S3 URIs', () => {
  it.each([
    ['s3://bucket/a/b', 'bucket', 'a/b/'],
    ['s3://bucket/a/b/', 'bucket', 'a/b/'],
    ['s3://bucket', 'bucket', ''],
    ['s3://bucket/', 'bucket', ''],
    ['s3://bucket/a%20b', 'bucket', 'a%20b/'],
    ['s3://my.dotted.bucket/x?y#z', 'my.dotted.bucket', 'x?y#z/'],
  ])('%s', (uri, bucket, prefix) => {
    expect(parseS3Uri(uri)).toEqual({ bucket, prefix })
  })

  it('r2 names its endpoint and is addressed by host', () => {
    expect(parseS3Uri('r2://bucket@account.r2.cloudflarestorage.com/a')).toEqual({
      bucket: 'bucket',
      prefix: 'a/',
      endpointUrl: 'https://account.r2.cloudflarestorage.com',
      addressingStyle: 'virtual',
      region: 'auto',
    })
  })

  it('b2 names its endpoint and region and is addressed by path', () => {
    expect(parseS3Uri('b2://bucket@s3.us-west-004.backblazeb2.com/a')).toEqual({
      bucket: 'bucket',
      prefix: 'a/',
      endpointUrl: 'https://s3.us-west-004.backblazeb2.com',
      addressingStyle: 'path',
      region: 'us-west-004',
    })
  })

  it.each(['s3:/bucket/a', 's3://', 's3:///a', 'r2://bucket/a', 'b2://a@b@c/d', 'gs://b/a'])(
    'refuses %s',
    (uri) => {
      expect(() => parseS3Uri(uri)).toThrowError(
        expect.objectContaining({ code: 'MODEL_URI_INVALID' }),
      )
    },
  )
})

describe('the bucket stands in the path', () => {
  it.each([
    // auto is boto3's auto
    ['auto', undefined, 'bucket', false],
    ['auto', undefined, 'my.bucket', true],
    ['auto', 'http://minio:9000', 'bucket', true],
    ['auto', 'http://localhost:9000', 'bucket', true],
    ['auto', 'https://s3.example.org', 'bucket', true],
    ['path', undefined, 'bucket', true],
    ['virtual', 'https://s3.example.org', 'bucket', false],
    ['virtual', 'https://s3.example.org', 'my.bucket', false],
    ['virtual', 'http://127.0.0.1:9000', 'bucket', true],
    ['virtual', 'http://[::1]:9000', 'bucket', true],
  ] as const)('%s at %s with %s: %s', (style, endpoint, bucket, expected) => {
    expect(usesPathStyle(style, endpoint, bucket)).toBe(expected)
  })
})
