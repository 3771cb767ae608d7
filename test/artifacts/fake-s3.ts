import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'

interface Bindings {
  incoming: IncomingMessage
  outgoing: ServerResponse
}
type S3Context = Context<{ Bindings: Bindings }>

export interface FakeObject {
  readonly content: Buffer
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

/** What a server may do wrong with one GET of an object; the first of `faults` is used up by the next one. */
export type Fault =
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'ignore-range' }
  | { readonly kind: 'error'; readonly status: number; readonly code: string }

/** An S3 server of one process: listing with pages, ranges, conditional reads, ETags, errors as XML. */
export class FakeS3 {
  readonly url: string
  /** `METHOD key range` of every request, in order. */
  readonly requests: string[] = []
  readonly headers: Headers[] = []
  readonly faults: Fault[] = []
  /** Keys that a page of a listing holds. */
  pageSize = 1000
  /** Answers every request when set: a code and its status. */
  refusal: { readonly status: number; readonly code: string; readonly extra?: string } | undefined
  /** Region of the bucket: a request signed for another one is sent there. */
  region: string | undefined
  /** How a wrong region is told: as new regions do, or as the old global endpoint does. */
  redirects: 'malformed' | 'permanent' = 'malformed'
  /** Runs before each read of an object, for a test that changes something in between. */
  beforeRead: (() => void) | undefined
  readonly #server: ServerType
  readonly #buckets: Map<string, Map<string, FakeObject>>

  private constructor(server: ServerType, buckets: Map<string, Map<string, FakeObject>>) {
    this.#server = server
    this.#buckets = buckets
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(...buckets: readonly string[]): Promise<FakeS3> {
    let fake: FakeS3 | undefined
    const app = new Hono<{ Bindings: Bindings }>()
    app.all('*', (context) => fake?.answer(context) ?? context.text('', 503))
    const server = await new Promise<ServerType>((resolve) => {
      const started: ServerType = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () =>
        resolve(started),
      )
    })
    fake = new FakeS3(server, new Map(buckets.map((name) => [name, new Map()])))
    return fake
  }

  put(bucket: string, key: string, content: Buffer | string, etag?: string, headers = {}): void {
    const bytes = Buffer.from(content)
    const md5 = createHash('md5').update(bytes).digest('hex')
    this.#buckets.get(bucket)?.set(key, { content: bytes, etag: etag ?? `"${md5}"`, headers })
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve)
      if ('closeAllConnections' in this.#server) this.#server.closeAllConnections()
    })
  }

  answer(context: S3Context): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(context.req.url)
    const [bucket = '', ...names] = decodeURIComponent(pathname).slice(1).split('/')
    const key = names.join('/')
    const range = context.req.header('range') ?? ''
    this.requests.push(`${context.req.method} ${key || bucket} ${range}`.trimEnd())
    this.headers.push(context.req.raw.headers)
    if (this.refusal !== undefined) {
      return failure(this.refusal.status, this.refusal.code, this.refusal.extra)
    }
    const objects = this.#buckets.get(bucket)
    if (objects === undefined) return failure(404, 'NoSuchBucket')
    const elsewhere = this.#wrongRegion(context.req.header('authorization'))
    if (elsewhere !== undefined) return elsewhere
    return key === '' ? this.#list(objects, searchParams) : this.#get(context, objects, key, range)
  }

  #wrongRegion(authorization = ''): Response | undefined {
    const signedFor = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(authorization)?.[1]
    if (this.region === undefined || signedFor === this.region) return undefined
    if (this.redirects === 'permanent') {
      return failure(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': this.region })
    }
    return failure(400, 'AuthorizationHeaderMalformed', `<Region>${this.region}</Region>`)
  }

  #list(objects: Map<string, FakeObject>, query: URLSearchParams): Response {
    const prefix = query.get('prefix') ?? ''
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    const from = Number(query.get('continuation-token') ?? 0)
    const page = keys.slice(from, from + this.pageSize)
    const next = from + page.length < keys.length ? String(from + page.length) : undefined
    const contents = page.map((key) => {
      const object = objects.get(key)
      return `<Contents><Key>${escapeXml(key)}</Key><Size>${object?.content.length}</Size><ETag>${escapeXml(object?.etag ?? '')}</ETag></Contents>`
    })
    return xml(
      200,
      `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${contents.join('')}${
        next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
      }</ListBucketResult>`,
    )
  }

  #get(context: S3Context, objects: Map<string, FakeObject>, key: string, range: string): Response {
    this.beforeRead?.()
    const object = objects.get(key)
    if (object === undefined) return failure(404, 'NoSuchKey')
    const ifMatch = context.req.header('if-match')
    if (ifMatch !== undefined && ifMatch !== object.etag) return failure(412, 'PreconditionFailed')
    const fault = this.faults.shift()
    if (fault?.kind === 'error') return failure(fault.status, fault.code)
    const size = object.content.length
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
    const ranged = first !== undefined && fault?.kind !== 'ignore-range'
    const start = ranged ? Number(first) : 0
    const end = ranged ? Math.min(size, Number(last) + 1) : size
    const part = object.content.subarray(start, end)
    const headers = {
      'content-length': String(part.length),
      etag: object.etag,
      ...object.headers,
      ...(ranged ? { 'content-range': `bytes ${start}-${end - 1}/${size}` } : {}),
    }
    const status = ranged ? 206 : 200
    if (fault?.kind === 'cut' || fault?.kind === 'stall') {
      const { outgoing } = context.env
      outgoing.writeHead(status, headers)
      outgoing.write(part.subarray(0, fault.afterBytes), () => {
        if (fault.kind === 'cut') outgoing.destroy()
      })
      return RESPONSE_ALREADY_SENT
    }
    return new Response(new Uint8Array(part), { status, headers })
  }
}

function failure(
  status: number,
  code: string,
  extra = '',
  headers: Record<string, string> = {},
): Response {
  return xml(
    status,
    `<Error><Code>${code}</Code><Message>said the fake</Message>${extra}</Error>`,
    headers,
  )
}

function xml(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>${body}`, {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
  })
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
