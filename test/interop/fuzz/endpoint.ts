import { Pool } from 'undici'
import type { FuzzRequest } from './request.ts'
import type { ParquetTable } from './table-bodies.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** A server under test, over connections that stay open. */
export class Endpoint {
  readonly #pool: Pool

  constructor(url: string, connections: number) {
    this.#pool = new Pool(url, { connections })
  }

  async invoke(model: string, contentType: string | undefined, body: Buffer): Promise<Answer> {
    const response = await this.#post(`/models/${model}/invocations`, contentType, body)
    return {
      status: response.statusCode,
      contentType: String(response.headers['content-type']),
      body: await response.body.text(),
    }
  }

  /** The bytes of a Parquet file; undefined where pyarrow refuses to write it. */
  async parquet(table: ParquetTable): Promise<Buffer | undefined> {
    const columns = table.columns.map(
      ({ name, type, values }) =>
        `{"name": ${JSON.stringify(name)}, "type": "${type}", "values": ${values}}`,
    )
    const rest = JSON.stringify({ options: table.options, pandas: table.pandas }).slice(1)
    const text = Buffer.from(`{"columns": [${columns.join(', ')}], ${rest}`)
    const response = await this.#post('/parquet', 'application/json', text)
    const bytes = Buffer.from(await response.body.arrayBuffer())
    return response.statusCode === 200 ? bytes : undefined
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  #post(path: string, contentType: FuzzRequest['contentType'], body: Buffer) {
    const headers = contentType === undefined ? {} : { 'content-type': contentType }
    return this.#pool.request({ method: 'POST', path, headers, body })
  }
}
